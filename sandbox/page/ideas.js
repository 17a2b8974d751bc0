// What to try: every idea is done with the same telephones and the same form a visitor has.
import { el, language, say } from "./words.js";

const TAKE = /Взять|Take/, REPLY = /Ответить|Reply/;
const rest = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

class Missing extends Error {}

export class Ideas {
  constructor(world) {
    this.world = world; this.done = new Set();
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
    if (language() === "en") { const john = this.all.splice(4, 1); this.all.unshift(...john); }
  }

  draw() {
    document.getElementById("ideas").replaceChildren(...this.all.map(([name, who, run]) => {
      const phone = who && this.world.named(who);
      const face = el("span", { class: "face", "aria-hidden": "true" }, phone ? who.slice(0, 1) : who);
      if (phone) face.style.setProperty("--hue", this.world.hue(phone));
      const button = el("button", { type: "button", class: `idea${this.done.has(name) ? " done" : ""}`, "data-idea": name }, face, el("span", {}, say(`idea-${name}`)), el("span", { class: "mark", "aria-hidden": "true" }, this.done.has(name) ? "✓" : "▸"));
      button.addEventListener("click", () => this.run(name, run));
      return el("li", {}, button);
    }));
  }

  async run(name, run = this.all.find(([known]) => known === name)[2]) {
    const button = document.querySelector(`[data-idea="${name}"]`);
    if (button.disabled) return;
    button.disabled = true; button.classList.add("busy");
    try { await run(); this.done.add(name); } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.world.shown("manager").toast(error.message);
    } finally { this.draw(); }
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
    const anna = this.show("Анна");
    await anna.do({ act: "send", samples: ["kitchen.jpg", "room.jpg", "bath.jpg"], caption: say("say-album") });
  }

  async form() {
    this.world.tab("side");
    this.world.form.fill();
    await this.world.form.send(); await rest(.4); await this.world.form.send();
  }

  async letter() {
    const since = this.latest();
    this.world.tab("side");
    this.world.mail.fill();
    document.getElementById("card-mail").scrollIntoView({ block: "nearest", behavior: "smooth" });
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
    const first = await this.arrival(since);
    if (!first) throw new Missing(say("need-card"));
    const number = /№\s?(\d+)|#\s?(\d+)|\b(\d+)\b/.exec(first.message.text)?.slice(1).find(Boolean);
    const other = this.world.side("manager").find((phone) => phone !== first.phone);
    const asked = this.latest();
    await other.do({ act: "write", text: `/lead ${number}` });
    const second = await this.arrival(asked, other);
    this.world.show(other, true);
    await rest(.5);
    await Promise.all([this.press(first, false), second && this.press(second, false)]);
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
    await this.command("/exclusions");
  }

  async command(text) {
    this.ready();
    await this.show("Борис").do({ act: "write", text });
  }

  async day() {
    const before = new Map(this.world.side("customer").map((phone) => [phone, phone.messages.size]));
    await this.world.clock.step(86400);
    for (let look = 0; look < 30; look++) {
      const told = this.world.side("customer").find((phone) => phone.messages.size > before.get(phone));
      if (told) { this.world.show(told, true); return; }
      await rest(.1);
    }
  }

  // --- how ---------------------------------------------------------------------------------------

  ready() { if (!this.world.isReady) throw new Missing(say("need-bot")); }
  show(name) { const phone = this.world.named(name); this.world.show(phone, true); return phone; }
  latest() { return new Map(this.world.side("manager").map((phone) => [phone, Math.max(0, ...phone.messages.keys())])); }

  // The newest message of any manager's that has such a button (and has none of another kind).
  newest(label, without) {
    let best = null;
    for (const phone of this.world.side("manager")) for (const message of phone.messages.values()) {
      const labels = (message.buttons || []).flat();
      if (labels.some((b) => label.test(b.text)) && !(without && labels.some((b) => without.test(b.text))) && (!best || message.at > best.message.at || (message.at === best.message.at && message.id > best.message.id))) best = { phone, message, label };
    }
    return best;
  }

  async arrival(since, only) {
    for (let look = 0; look < 80; look++) {
      for (const phone of this.world.side("manager")) {
        if (only && phone !== only) continue;
        const message = phone.ordered().filter((one) => !one.mine && one.id > since.get(phone) && one.buttons?.flat().some((b) => TAKE.test(b.text) || REPLY.test(b.text))).at(-1);
        if (message) return { phone, message, label: TAKE };
      }
      await rest(.1);
    }
    return null;
  }

  async press({ phone, message, label }, show = true) {
    if (show) this.world.show(phone, true);
    phone.jump(message.id);
    if (show) await rest(.35);
    const button = message.buttons.flat().find((b) => label.test(b.text));
    const node = button && [...phone.screen.querySelectorAll(".keys button")].find((b) => b.dataset.data === button.data);
    if (button) await phone.tap(message, button, node);
  }
}
