// A telephone: the chat of one person with one bot. Several people share one device; one is shown at a time.
import { act, el, language, redrawn, say } from "./words.js";
import { draw, kindName } from "./message.js";

const ICONS = {
  clip: "M21 11.5 12.5 20a5.5 5.5 0 0 1-8-8l8.7-8.6a3.7 3.7 0 0 1 5.3 5.2l-8.6 8.6a1.9 1.9 0 0 1-2.7-2.7l8-7.9",
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5", voice: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export class Phone {
  constructor(about, world) {
    this.key = about.key; this.about = about; this.world = world;
    this.messages = new Map(); this.commands = []; this.unread = 0; this.draft = ""; this.replyTo = null; this.editing = null;
    this.nodes = new Map(); this.build();
  }

  build() {
    this.chat = el("div", { class: "chat", role: "log", "aria-label": this.about.name });
    this.low = true; // the reader is at the end, and stays there whatever comes
    this.top = 0;
    this.chat.addEventListener("scroll", () => {
      const { scrollTop: top, scrollHeight, clientHeight } = this.chat;
      if (scrollHeight - top - clientHeight < 90) this.low = true;
      else if (top < this.top) this.low = false; // only a reader goes up; what has grown below is no wish of theirs
      this.top = top;
    }, { passive: true });
    this.chat.addEventListener("load", () => { if (this.low) this.down(); }, true); // a picture has found its size
    new ResizeObserver(() => { if (this.low) this.down(); }).observe(this.chat); // what is written below has grown
    this.foot = el("div", { class: "foot" });
    this.title = el("small", {});
    this.time = el("span", {});
    this.screen = el("div", { class: "screen", "data-phone": this.key },
      el("div", { class: "status", "aria-hidden": "true" }, this.time, el("i", {}, el("u"), el("u"), el("u"), el("em"))),
      el("div", { class: "head" }, el("span", { class: "face" }, this.about.bot.name.slice(0, 1)), el("div", {}, el("b", {}, this.about.bot.name), this.title),
        el("button", { type: "button", class: "more", title: say("more"), "aria-label": say("more"), onclick: () => this.menu() }, "⋮")),
      this.chat, this.foot);
    this.drawFoot(); this.drawTitle();
  }

  // The bot's menu may come while somebody is typing a command already.
  offer(commands) { this.commands = commands; this.suggest(); }

  load(messages, commands) {
    this.messages = new Map(messages.map((message) => [message.id, message]));
    this.commands = commands; this.redraw();
  }

  redraw() {
    this.chat.replaceChildren(); this.nodes.clear();
    for (const message of this.ordered()) this.place(message, false);
    this.drawFoot(); this.drawTitle(); this.hollow(); this.down();
  }

  ordered() { return [...this.messages.values()].sort((a, b) => a.id - b.id); }

  // --- messages ----------------------------------------------------------------------------------

  receive(message) {
    const known = this.messages.has(message.id);
    this.messages.set(message.id, message);
    this.place(message, !known);
    this.hollow(); this.action("");
    if (!known && !message.mine) this.world.arrived(this);
    if (this.low || (!known && message.mine)) this.down();
  }

  remove(id) { this.messages.delete(id); this.nodes.get(id)?.remove(); this.nodes.delete(id); }

  taken(ids) {
    for (const id of ids) {
      const message = this.messages.get(id);
      if (message) { message.taken = true; const ticks = this.nodes.get(this.hostOf(message))?.querySelector(".ticks"); if (ticks) ticks.textContent = "✓✓"; }
    }
  }

  parts(message) { return message.group ? this.ordered().filter((other) => other.group === message.group) : [message]; }
  hostOf(message) { return this.parts(message)[0].id; }

  place(message, fresh) {
    const parts = this.parts(message);
    const host = parts[0].id;
    const before = this.nodes.get(host);
    const node = draw(parts, this);
    if (fresh && !before) node.classList.add("new");
    if (before) redrawn(this.chat, () => before.replaceWith(node));
    else {
      const day = this.dayOf(parts[0]);
      const previous = this.ordered().filter((other) => other.id < host).at(-1);
      if (!previous || this.dayOf(previous) !== day) this.chat.append(el("div", { class: "day" }, day));
      this.chat.append(node);
    }
    this.nodes.set(host, node);
  }

  dayOf(message) {
    const day = new Date(message.at * 1000), now = this.world.now();
    const start = (date) => new Date(date).setHours(0, 0, 0, 0);
    const ago = Math.round((start(now) - start(day)) / 86400000);
    if (ago === 0) return say("today");
    return ago === 1 ? say("yesterday") : day.toLocaleDateString(language(), { day: "numeric", month: "long" });
  }

  hollow() {
    this.chat.querySelector(".empty")?.remove();
    if (this.messages.size) return;
    const box = el("div", { class: "empty" }, say(`empty-${this.about.side}`));
    if (this.about.side === "customer") box.append(el("button", { type: "button", class: "primary", onclick: () => this.do({ act: "start" }) }, say("begin")));
    this.chat.append(box);
  }

  down() { this.low = true; requestAnimationFrame(() => { this.chat.scrollTop = this.chat.scrollHeight; }); }

  drawTitle() {
    this.title.textContent = this.about.blocked ? say("blocked") : `${say("bot")} · @${this.about.bot.username}`;
    this.title.classList.remove("live");
  }

  action(what) {
    clearTimeout(this.fading);
    if (!what) return this.drawTitle();
    this.title.textContent = say("typing"); this.title.classList.add("live");
    this.fading = setTimeout(() => this.drawTitle(), 4000);
  }

  tick(now) { this.time.textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }); }

  waiting(ready) {
    this.screen.querySelector(".starting")?.remove();
    if (!ready && this.about.side === "manager") this.screen.append(el("div", { class: "starting" }, say("starting")));
  }

  changed(about) { const was = this.about.blocked; this.about = about; if (was !== about.blocked) this.drawFoot(); this.drawTitle(); }

  // --- what a message's parts ask for ------------------------------------------------------------

  botName() { return this.about.bot.name; }
  command(text) { this.do({ act: "write", text }); }
  reply(message) { this.editing = null; this.replyTo = message; this.drawFoot(); this.input?.focus(); }
  edit(message) { this.replyTo = null; this.editing = message; this.draft = message.text; this.drawFoot(); this.input?.focus(); }
  look(url) { this.cover(el("img", { src: url, alt: "" })); }

  link(url) {
    const found = /^https:\/\/t\.me\/(\w+)\?start=([\w-]+)$/.exec(url);
    if (!found) return false;
    this.toast(say("invited"));
    return true;
  }

  jump(id) {
    const message = this.messages.get(id);
    const node = message && this.nodes.get(this.hostOf(message));
    if (!node) return;
    node.scrollIntoView({ block: "center", behavior: "smooth" });
    node.classList.remove("flash"); void node.offsetWidth; node.classList.add("flash");
  }

  async tap(message, button, node) {
    if (!button.data) { this.toast(say("opens", { url: button.url || "" })); return; }
    if (node) node.classList.add("busy");
    const answer = await this.do({ act: "tap", message: message.id, data: button.data });
    node?.classList.remove("busy");
    if (!answer) return;
    if (answer.late) this.toast(say("late"));
    else if (answer.alert) this.alert(answer.text);
    else if (answer.text) this.toast(answer.text);
  }

  async do(what) {
    try { return await act({ phone: this.key, ...what }); } catch (error) { this.toast(error.message); return null; }
  }

  toast(text) {
    this.screen.querySelector(".toast")?.remove();
    const shown = el("div", { class: "toast", role: "status" }, text);
    this.screen.append(shown);
    setTimeout(() => shown.remove(), 3600);
  }

  alert(text) { const ok = el("button", { type: "button", class: "primary" }, "OK"); this.cover(el("div", { class: "alert", role: "alertdialog" }, el("div", {}, text), ok)); ok.focus(); }

  cover(inside) {
    const held = document.activeElement;
    const away = () => { veil.remove(); (held.isConnected ? held : this.input)?.focus({ preventScroll: true }); };
    const veil = el("div", { class: "veil", onclick: (event) => { if (!event.target.closest(".alert") || event.target.closest("button")) away(); } }, inside);
    veil.addEventListener("keydown", (event) => { if (event.key === "Escape") away(); });
    this.uncover(); this.screen.append(veil);
  }

  get isCovered() { return !!this.screen.querySelector(".veil"); }
  uncover() { this.screen.querySelector(".veil")?.remove(); }

  // --- writing -----------------------------------------------------------------------------------

  drawFoot() {
    if (this.about.blocked) {
      this.foot.replaceChildren(el("div", { class: "shut" }, el("button", { type: "button", class: "primary", onclick: () => this.do({ act: "block", blocked: false }) }, say("unblock"))));
      return;
    }
    this.input = el("textarea", { rows: 1, placeholder: say("write"), "aria-label": say("write"), maxlength: 20000 });
    this.input.value = this.draft;
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key_(event));
    this.input.addEventListener("paste", (event) => { const pasted = event.clipboardData?.files; if (pasted?.length) { event.preventDefault(); this.upload(pasted); } });
    this.button = el("button", { type: "button", class: "send", title: say("send"), "aria-label": say("send"), onclick: () => this.send() }, icon("send"));
    const slash = this.about.side === "manager" ? el("button", { type: "button", class: "slash", title: say("commands"), "aria-label": say("commands"), onclick: () => { this.draft = this.input.value = "/"; this.typed(); this.input.focus(); } }, "/") : null;
    const line = el("div", { class: "line" }, slash, el("button", { type: "button", title: say("attach"), "aria-label": say("attach"), onclick: () => this.attach() }, icon("clip")), this.input,
      el("button", { type: "button", title: say("record"), "aria-label": say("record"), onclick: () => this.give({ act: "send", samples: ["voice.ogg"], as: "voice" }) }, icon("voice")), this.button);
    const about = this.editing || this.replyTo;
    const above = about ? el("div", { class: "about" }, el("span", { class: "quote" }, el("b", {}, this.editing ? say("editing") : about.mine ? say("you") : this.botName()), el("span", {}, about.text || kindName(about.kind))),
      el("button", { type: "button", title: say("cancel"), "aria-label": say("cancel"), onclick: () => this.drop() }, "×")) : "";
    redrawn(this.foot, () => this.foot.replaceChildren(above, line));
    this.grow(); this.suggest();
  }

  grow() { if (!this.input) return; this.input.style.height = "auto"; this.input.style.height = `${Math.min(120, Math.max(38, this.input.scrollHeight))}px`; }

  typed() { this.draft = this.input.value; this.grow(); this.suggest(); }

  suggest() {
    this.foot.querySelector(".pop")?.remove(); this.chosen = -1;
    const match = /^\/(\w*)$/.exec(this.draft);
    const fitting = match ? this.commands.filter((command) => command.command.startsWith(match[1].toLowerCase())) : [];
    if (!fitting.length) return;
    this.foot.append(el("div", { class: "pop", role: "listbox" }, fitting.map((command) => el("button", { type: "button", role: "option", onclick: () => { this.draft = `/${command.command}`; this.send(); } }, el("b", {}, `/${command.command}`), command.description))));
  }

  key_(event) {
    const options = [...this.foot.querySelectorAll(".pop button")];
    if (options.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : options.length - 1) + (this.chosen < 0 && event.key === "ArrowUp" ? 1 : 0)) % options.length;
      options.forEach((option, at) => option.classList.toggle("on", at === this.chosen));
      options[this.chosen].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (options[this.chosen]) options[this.chosen].click(); else this.send();
    } else if (event.key === "Escape") {
      this.foot.querySelector(".pop")?.remove();
      if (this.editing || this.replyTo) this.drop();
    }
  }

  // Neither an answer nor a correction after all.
  drop() { if (this.editing) this.draft = ""; this.editing = this.replyTo = null; this.drawFoot(); this.input.focus(); }

  async send() {
    const text = this.draft.trim();
    if (!text) return;
    const [editing, replyTo] = [this.editing, this.replyTo];
    this.draft = ""; this.editing = this.replyTo = null; this.drawFoot(); this.input.focus();
    const sent = editing ? await this.do({ act: "edit", message: editing.id, text }) : await this.do({ act: "write", text, reply_to: replyTo?.id });
    if (!sent && !this.draft) { this.draft = text; this.editing = editing; this.replyTo = replyTo; this.drawFoot(); } // nothing was sent: the words are not lost
  }

  popup(items, place = this.foot, drop = false) {
    const open = place.querySelector(".pop");
    open?.remove();
    if (open) return;
    const held = document.activeElement;
    const pop = el("div", { class: `pop${drop ? " drop" : ""}`, role: "menu" }, items.map(([label, does, picture]) => el("button", { type: "button", role: "menuitem", onclick: () => { pop.remove(); held.focus(); does(); } }, picture ? el("img", { src: `/page/samples/${picture}`, alt: "" }) : null, label)));
    const options = [...pop.children];
    pop.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: options.length - 1 }[event.key];
      if (step) { event.preventDefault(); options[(options.indexOf(document.activeElement) + step) % options.length].focus(); }
      if (event.key === "Escape") { pop.remove(); held.focus(); }
    });
    place.append(pop); options[0].focus({ preventScroll: true });
    setTimeout(() => document.addEventListener("click", () => pop.remove(), { once: true }));
  }

  // Anything but a text answers what was chosen for that too, and takes along the words that have been written.
  words() { return this.editing ? "" : this.draft.trim(); }
  given(words) { if (words) this.draft = ""; this.replyTo = null; this.drawFoot(); }

  async give(what, caption = "") {
    if (await this.do({ ...what, caption, reply_to: this.replyTo?.id })) this.given(caption);
  }

  attach() {
    const send = (samples, as) => this.give({ act: "send", samples, as }, this.words());
    const items = [
      [say("photo-kitchen"), () => send(["kitchen.jpg"]), "kitchen.jpg"], [say("photo-room"), () => send(["room.jpg"]), "room.jpg"], [say("photo-bath"), () => send(["bath.jpg"]), "bath.jpg"],
      [say("album"), () => send(["kitchen.jpg", "room.jpg", "bath.jpg"]), "room.jpg"], [say("plan"), () => send(["plan.png"], "document"), "plan.png"],
      [say("own"), () => this.pick()],
    ];
    if (this.about.phone) items.push([say("contact"), () => this.give({ act: "contact" })], [say("location"), () => this.give({ act: "location" })]);
    this.popup(items);
  }

  pick() {
    const input = el("input", { type: "file", multiple: true });
    input.addEventListener("change", () => this.upload(input.files));
    input.click();
  }

  async upload(files) {
    const words = this.words(), answered = this.replyTo?.id ?? "";
    for (const [at, file] of [...files].entries()) {
      const query = new URLSearchParams({ phone: this.key, name: file.name, reply_to: answered, caption: at ? "" : words });
      const answer = await fetch(`/page/upload?${query}`, { method: "POST", headers: { "X-Page": "1", "Content-Type": file.type || "application/octet-stream" }, body: file }).catch(() => null);
      if (!answer?.ok) { this.toast((await answer?.json().catch(() => null))?.error || say("form-failed", { why: file.name })); return; }
    }
    this.given(words);
  }

  menu() {
    const items = [["/start", () => this.do({ act: "start" })]];
    if (this.about.side === "customer") items.push([say("ad"), () => this.do({ act: "start", payload: "spring_ad" })]);
    if (!this.about.blocked) items.push([say("block"), () => this.do({ act: "block", blocked: true })]);
    this.popup(items, this.screen, true);
  }
}
