// The guided tour: six steps, each does something and says what to look at.
import { el, language, say } from "./words.js";

export class Tour {
  constructor(world) {
    this.world = world; this.box = document.getElementById("tour-box");
    this.steps = [
      ["#seat-customer .device", "customer", () => this.idea(language() === "en" ? "john" : "anna")],
      ["#seat-manager .device", "manager", () => this.idea("take")],
      ["#seat-manager .device", "manager", () => this.idea("reply")],
      ["#card-form", "side", () => this.idea("form")],
      ["#card-book", "side", null],
      ["#clock", "customer", null],
    ];
    document.getElementById("tour").addEventListener("click", () => this.start());
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !this.box.hidden) this.end(); });
    for (const moves of ["resize", "scroll"]) window.addEventListener(moves, () => { if (!this.box.hidden) this.place(); }, { passive: true });
  }

  start() { this.at = -1; this.next(); }

  async next() {
    this.at += 1;
    if (this.at >= this.steps.length) return this.end();
    const [target, tab, does] = this.steps[this.at];
    this.unlight();
    this.world.tab(tab);
    this.target = document.querySelector(target);
    this.target.classList.add("lit");
    this.draw();
    this.target.scrollIntoView({ block: "nearest", behavior: "smooth" });
    if (does) await does();
    return undefined;
  }

  idea(name) { return this.world.ideas.run(name); }

  draw() {
    const n = this.at + 1, all = this.steps.length;
    const next = el("button", { type: "button", class: "primary", onclick: () => this.next() }, say(n === all ? "done" : "next"));
    this.box.replaceChildren(el("h3", {}, say(`tour-${n}`)), el("p", {}, say(`tour-${n}-text`)),
      el("div", { class: "row" }, el("button", { type: "button", class: "quiet", onclick: () => this.end() }, say("skip")), el("span", { class: "dots" }, say("step", { n, all })), next));
    this.box.hidden = false;
    this.place();
    next.focus({ preventScroll: true });
  }

  // Beside the target where there is room, else at the bottom of the window.
  place() {
    const [target, box] = [this.target.getBoundingClientRect(), this.box.getBoundingClientRect()];
    const room = { left: target.left - 16, right: innerWidth - target.right - 16 };
    let left, top = target.top + Math.min(90, target.height / 3);
    if (room.right >= box.width) left = target.right + 16;
    else if (room.left >= box.width) left = target.left - box.width - 16;
    else { left = (innerWidth - box.width) / 2; top = target.bottom + box.height + 20 < innerHeight ? target.bottom + 16 : innerHeight - box.height - 72; }
    this.box.style.left = `${left}px`; this.box.style.top = `${Math.max(12, Math.min(innerHeight - box.height - 12, top))}px`;
  }

  unlight() { for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit"); }
  end() { this.unlight(); this.box.hidden = true; }
}
