// What to try: every idea is done with the same telephones and the same form a visitor has.
import { el, language, redrawn, say } from "./words.js";

const TAKE = /Взять|Take/, REPLY = /Ответить|Reply/, EITHER = /Взять|Take|Ответить|Reply/, STOPPED = /Что остановлено|What was stopped/, RESTORE = /Вернуть|Restore/;
const labelled = (message, label) => message?.buttons?.flat().some((button) => label.test(button.text));
const rest = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

class Missing extends Error {}

export class Ideas {
  constructor(world) {
    this.world = world; this.done = new Set(); this.busy = new Set();
    this.all = [
      ["anna", "Анна", () => this.write("Анна", "say-anna")],
      ["take", "✓", () => this.take()],
      ["reply", "↩", () => this.answer("say-reply")],
      ["album", "Анна", () => this.album()],
      ["john", "John", () => this.write("John", "say-john")],
      ["form", "↗", () => this.form()],
      ["letter", "✉", () => this.letter()],
      ["ad", "Пётр", () => this.ad()],
      ["race", "×2", () => this.race()],
      ["cut", "⚡", () => this.cut()],
      ["exclude", "Борис", () => this.exclude()],
      ["stats", "Борис", () => this.command("/stats")],
      ["day", "☾", () => this.day()],
    ];
    if (!world.mail) this.all = this.all.filter(([name]) => name !== "letter");
  }

  draw() {
    const ideas = document.getElementById("ideas");
    const own = ([name]) => (language() === "en" && name === "john" ? 0 : 1); // who writes in one's own language comes first
    redrawn(ideas, () => ideas.replaceChildren(...[...this.all].sort((a, b) => own(a) - own(b)).map(([name, who, run]) => {
      const phone = who && this.world.named(who);
      const face = el("span", { class: "face", "aria-hidden": "true" }, phone ? who.slice(0, 1) : who);
      if (phone) face.style.setProperty("--hue", this.world.hue(phone));
      const button = el("button", { type: "button", class: `idea${this.busy.has(name) ? " busy" : this.done.has(name) ? " done" : ""}`, "data-idea": name, "aria-busy": this.busy.has(name) && "true" }, face, el("span", {}, say(`idea-${name}`)), el("span", { class: "mark", "aria-hidden": "true" }, this.done.has(name) ? "✓" : "▸"));
      button.addEventListener("click", () => this.run(name, run));
      return el("li", {}, button);
    })));
  }

  async run(name, run = this.all.find(([known]) => known === name)[2]) {
    if (this.busy.has(name)) return;
    this.busy.add(name); this.draw();
    for (const phone of this.world.phones.values()) phone.uncover(); // of what the idea before this one has left
    try { await run(); this.done.add(name); } catch (error) {
      if (!(error instanceof Missing)) throw error;
      const manager = this.world.shown("manager");
      this.world.show(manager, true); manager.toast(error.message);
    } finally { this.busy.delete(name); this.draw(); }
  }

  // --- the ideas ---------------------------------------------------------------------------------

  async write(name, key) {
    const phone = this.show(name), since = this.latest();
    await phone.do({ act: "write", text: say(key) });
    const card = await this.arrival(since);
    if (card) this.world.show(card.phone, true);
  }

  async take() {
    this.ready();
    const found = this.newest(TAKE);
    if (!found) throw new Missing(say("need-card"));
    await this.press(found);
  }

  async answer(key) {
    this.ready();
    const found = this.newest(REPLY, TAKE) || this.newest(REPLY);
    if (!found) throw new Missing(say("need-own"));
    this.world.show(found.phone, true);
    await found.phone.do({ act: "write", text: say(key), reply_to: found.message.id });
  }

  async album() {
    const anna = this.show("Анна"), since = this.latest();
    await anna.do({ act: "send", samples: ["kitchen.jpg", "room.jpg", "bath.jpg"], caption: say("say-album") });
    const card = await this.arrival(since);
    if (card) this.world.show(card.phone);
  }

  async form() {
    const since = this.latest();
    this.bring("form");
    this.world.form.fill();
    await this.world.form.send(); await rest(.4); await this.world.form.send();
    const card = await this.arrival(since);
    if (card) this.world.show(card.phone);
  }

  async letter() {
    const since = this.latest();
    this.bring("mail");
    this.world.mail.fill();
    await this.world.mail.send();
    const card = await this.arrival(since);
    if (card) this.world.show(card.phone);
  }

  async ad() {
    const phone = this.show("Пётр"), since = this.latest();
    await phone.do({ act: "start", payload: "spring_ad" }); await rest(.6);
    await phone.do({ act: "write", text: say("say-petr") });
    const card = await this.arrival(since);
    if (card) this.world.show(card.phone, true);
  }

  // One manager has the card; the other opens the same lead by its number, and both tap in the same instant.
  async race() {
    this.ready();
    const since = this.latest();
    this.world.form.fill(say("say-form-name"), undefined, say("say-race"));
    await this.world.form.send();
    const first = await this.arrival(since, TAKE);
    if (!first) throw new Missing(say("need-card"));
    const number = /№\s?(\d+)|#\s?(\d+)|\b(\d+)\b/.exec(first.message.text)?.slice(1).find(Boolean);
    const other = this.world.side("manager").find((phone) => phone !== first.phone);
    const asked = this.latest();
    await other.do({ act: "write", text: `/lead ${number}` });
    const second = await this.arrival(asked, TAKE, other);
    this.world.show(other, true);
    await rest(.5);
    await Promise.all([this.press(first, false), second && this.press(second, false)]);
    this.world.show(first.phone.isCovered ? first.phone : other, true); // whoever was slower reads who has it
  }

  async cut() {
    this.ready();
    if (!this.newest(REPLY, TAKE)) throw new Missing(say("need-own"));
    await this.world.act({ act: "cut" });
    await this.answer("say-cut");
  }

  async exclude() {
    this.ready();
    await this.command("/check +7 900 123-45-67"); await rest(1.2);
    await this.command("/exclude +7 900 123-45-67; spam"); await rest(1.2);
    this.world.form.fill("SEO PRO", "8 (900) 123-45-67", "SEO, TOP 10, -50%");
    await this.world.form.send(); await rest(.8);
    const asked = this.latest(), boris = this.world.named("Борис");
    await this.command("/exclusions");
    const list = await this.until(() => boris.ordered().find((one) => !one.mine && one.id > asked.get(boris) && labelled(one, STOPPED)));
    if (!list) return;
    await this.press({ phone: boris, message: list, label: STOPPED });
    const stopped = await this.until(() => labelled(boris.messages.get(list.id), RESTORE) && boris.messages.get(list.id));
    if (stopped) { await rest(1.2); await this.press({ phone: boris, message: stopped, label: RESTORE }); }
  }

  async command(text) {
    this.ready();
    await this.show("Борис").do({ act: "write", text });
  }

  // Who is silent after an answer is written to: if nobody is, somebody is answered first.
  async day() {
    this.ready();
    const planned = () => this.world.book?.work.timers_waiting;
    if (!planned()) { await this.answer("say-day"); await this.until(planned); }
    const before = new Map(this.world.side("customer").map((phone) => [phone, phone.messages.size]));
    await this.world.clock.step(86400);
    const told = await this.until(() => this.world.side("customer").find((phone) => phone.messages.size > before.get(phone)));
    if (told) this.world.show(told, true);
  }

  // --- how ---------------------------------------------------------------------------------------

  ready() { if (!this.world.isReady) throw new Missing(say("need-bot")); }
  show(name) { const phone = this.world.named(name); this.world.show(phone, true); return phone; }
  latest() { return new Map(this.world.side("manager").map((phone) => [phone, Math.max(0, ...phone.messages.keys())])); }

  // The newest message of any manager's that has such a button (and has none of another kind).
  newest(label, without) {
    let best = null;
    for (const phone of this.world.side("manager")) for (const message of phone.messages.values()) {
      if (labelled(message, label) && !(without && labelled(message, without)) && (!best || message.at > best.message.at || (message.at === best.message.at && message.id > best.message.id))) best = { phone, message, label };
    }
    return best;
  }

  // A card that has come since then, to one manager or to any.
  arrival(since, label = EITHER, only = null) {
    return this.until(() => {
      for (const phone of only ? [only] : this.world.side("manager")) {
        const message = phone.ordered().filter((one) => !one.mine && one.id > since.get(phone) && labelled(one, label)).at(-1);
        if (message) return { phone, message, label: TAKE };
      }
      return null;
    });
  }

  // What is looked for, once it is there; null when it does not come.
  async until(find) {
    for (let look = 0; look < 200; look++) {
      const found = find();
      if (found) return found;
      await rest(.1);
    }
    return null;
  }

  bring(card) { this.world.tab("side"); document.getElementById(`card-${card}`).scrollIntoView({ block: "nearest", behavior: "smooth" }); }

  async press({ phone, message, label }, show = true) {
    if (show) this.world.show(phone, true);
    phone.jump(message.id);
    if (show) await rest(.35);
    const button = message.buttons.flat().find((b) => label.test(b.text));
    const node = button && [...phone.screen.querySelectorAll(".keys button")].find((b) => b.dataset.data === button.data);
    if (button) await phone.tap(message, button, node);
  }
}
