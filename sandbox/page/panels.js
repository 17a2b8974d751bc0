// Beside the telephones: the site form, the ledger, the time.
import { act, el, language, say } from "./words.js";

export class Form {
  constructor(form, key) {
    this.form = form; this.key = key; this.answer = document.getElementById("form-answer");
    this.fresh();
    form.addEventListener("input", () => this.fresh());
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    document.getElementById("form-fill").addEventListener("click", () => this.fill());
  }

  // A new content is a new enquiry; the same content sent again is the same one.
  fresh() { this.idempotency = crypto.getRandomValues(new Uint32Array(4)).join("-"); this.last = null; }

  fill(name = say("say-form-name"), phone = `+7 9${16 + Math.floor(Math.random() * 9)} ${100 + Math.floor(Math.random() * 899)}-${10 + Math.floor(Math.random() * 89)}-${10 + Math.floor(Math.random() * 89)}`, message = say("say-form-message")) {
    const fields = this.form.elements;
    fields.namedItem("name").value = name; fields.namedItem("phone").value = phone; fields.namedItem("message").value = message;
    this.fresh();
  }

  async send() {
    const values = Object.fromEntries([...new FormData(this.form)].filter(([, value]) => value.trim()));
    const body = JSON.stringify({ ...values, utm_source: "demo", page: "https://lad.example/prices" });
    try {
      const answer = await fetch("/lines/main/form", { method: "POST", body, headers: { "Content-Type": "application/json", "X-Form-Key": this.key, "Idempotency-Key": this.idempotency, "Accept-Language": language() } });
      const told = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error([told.field, told.error || answer.statusText].filter(Boolean).join(": "));
      this.tell(`${answer.status} · ${say(told.id === this.last ? "form-again" : "form-sent", { id: `…${String(told.id).slice(-6)}` })}`, "good");
      this.last = told.id;
    } catch (error) { this.tell(say("form-failed", { why: error.message }), "bad"); }
  }

  tell(text, how) { this.answer.textContent = text; this.answer.className = how; this.answer.title = text; }
}

// The mailbox of somebody who writes to the line by e-mail.
export class Mail {
  constructor(form, mailbox) {
    this.form = form; this.letters = [];
    document.getElementById("mailbox").textContent = `→ ${mailbox}`;
    const fields = form.elements;
    if (!fields.namedItem("from").value) fields.namedItem("from").value = "elena@client.example";
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
  }

  fill(subject = say("say-mail-subject"), text = say("say-mail-text")) {
    this.form.elements.namedItem("subject").value = subject; this.form.elements.namedItem("text").value = text;
  }

  async send() {
    const values = Object.fromEntries(new FormData(this.form));
    const answer = document.getElementById("mail-answer");
    try {
      await act({ act: "letter", name: values.from.startsWith("elena@") ? "Елена Орлова" : "", ...values });
      this.form.elements.namedItem("text").value = ""; answer.textContent = "";
    } catch (error) { answer.textContent = say("form-failed", { why: error.message }); answer.className = "bad"; }
  }

  draw(letters) {
    this.letters = letters;
    const box = document.getElementById("letters");
    box.replaceChildren(...letters.map((letter) => {
      const time = new Date(letter.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const shown = el("button", { type: "button", class: `letter${letter.mine ? " out" : ""}`, title: letter.mine ? "" : say("reply") },
        el("small", {}, `${letter.mine ? "↗" : "↙"} ${time}`), el("b", {}, letter.subject || "…"), el("p", {}, letter.text));
      if (!letter.mine) shown.addEventListener("click", () => { this.fill(/^re:/i.test(letter.subject) ? letter.subject : `Re: ${letter.subject}`, ""); this.form.elements.namedItem("text").focus(); });
      return shown;
    }));
    box.scrollTop = box.scrollHeight;
  }
}

const PARTS = ["filed", "excluded", "duplicate", "ignored", "parked"];
const WORK = ["leads_open", "leads_waiting", "deliveries_waiting", "timers_waiting"];
let before = {};

export function drawBook(book) {
  if (!book) return;
  const { total } = book;
  const cell = (name) => {
    const fresh = before[name] !== undefined && before[name] !== total[name] ? " fresh" : "";
    const tone = total[name] === 0 ? " none" : name === "parked" ? " warn" : "";
    return el("div", { class: `figure${tone}${fresh}`, "data-figure": name }, el("b", {}, String(total[name])), el("span", {}, say(name)));
  };
  document.getElementById("sum").replaceChildren(cell("received"), el("div", { class: "op", "aria-hidden": "true" }, "="), ...PARTS.map(cell));
  before = { ...total };
  const even = document.getElementById("book-even");
  even.hidden = false; even.textContent = say(book.even ? "even" : "uneven"); even.classList.toggle("bad", !book.even); even.dataset.even = String(book.even);
  document.getElementById("accounts").replaceChildren(...book.accounts.map((account) => {
    const parts = PARTS.filter((name) => account[name]).map((name) => `${say(name)} ${account[name]}`).join(" + ");
    return el("div", {}, say(account.channel === "form" ? "channel-form" : account.channel), el("i", { class: account.even ? "" : "bad" }, `${account.received} = ${parts || 0}`));
  }));
  document.getElementById("work").replaceChildren(...WORK.map((name) => el("span", {}, `${say(name)} `, el("b", {}, String(book.work[name])))));
}

export class Clock {
  constructor() {
    this.ahead = 0;
    for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => this.step(Number(button.dataset.step)));
  }

  set(milliseconds) { this.ahead = milliseconds - Date.now(); this.draw(); }
  now() { return new Date(Date.now() + this.ahead); }
  // A day takes seconds: one step at a time, and it shows.
  async step(seconds) {
    const clock = document.getElementById("clock");
    if (clock.classList.contains("busy")) return;
    clock.classList.add("busy");
    await act({ act: "time", seconds }).catch(() => {});
    clock.classList.remove("busy");
  }

  draw() {
    document.getElementById("now").textContent = this.now().toLocaleString(language(), { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  }
}
