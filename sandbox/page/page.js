// The page: one stream of what happens in, calls of what the visitor does out.
import { act, el, language, redrawn, say, speak, translate } from "./words.js";
import { Phone } from "./phone.js";
import { Clock, Form, Mail, drawBook } from "./panels.js";
import { Ideas } from "./ideas.js";
import { Tour } from "./tour.js";

const HUES = ["#d3577c", "#3f7fd1", "#8a5fc7", "#1f8f72", "#c47a1d", "#5d7fa8"];

const world = {
  phones: new Map(), selected: {}, isReady: false, book: null, act,
  clock: new Clock(), form: null, mail: null, ideas: null,
  now() { return this.clock.now(); },
  side(name) { return [...this.phones.values()].filter((phone) => phone.about.side === name); },
  shown(side) { return this.selected[side]; },
  named(name) { return [...this.phones.values()].find((phone) => phone.about.name === name); },
  hue(phone) { return HUES[[...this.phones.keys()].indexOf(phone.key) % HUES.length]; },
  // Put a person's telephone into the device of their side; with `look` also bring that side into view.
  show(phone, look = false) {
    const side = phone.about.side;
    this.selected[side] = phone; phone.unread = 0;
    document.querySelector(`.device[data-side="${side}"]`).replaceChildren(phone.screen);
    drawPeople(side); phone.tick(this.now()); phone.down(); phone.grow();
    if (look) this.tab(side);
  },
  arrived(phone) {
    const side = phone.about.side;
    if (this.selected[side] !== phone || (document.body.dataset.tab !== side && matchMedia("(max-width: 759px)").matches)) { phone.unread += 1; drawPeople(side); }
  },
  tab(name) {
    document.body.dataset.tab = name;
    for (const button of document.querySelectorAll("[data-tab]:not(body)")) button.setAttribute("aria-current", String(button.dataset.tab === name));
    if (this.selected[name]) { this.selected[name].unread = 0; this.selected[name].down(); drawPeople(name); }
  },
};

function drawPeople(side) {
  const phones = world.side(side);
  const people = document.querySelector(`.people[data-side="${side}"]`);
  redrawn(people, () => people.replaceChildren(...phones.map((phone) => {
    const face = el("span", { class: "face", "aria-hidden": "true" }, phone.about.name.slice(0, 1));
    face.style.setProperty("--hue", world.hue(phone));
    return el("button", { type: "button", role: "tab", class: "person", "data-person": phone.about.name, "aria-selected": String(world.selected[side] === phone), onclick: () => world.show(phone) }, face, phone.about.name, phone.unread ? el("span", { class: "unread" }, String(phone.unread)) : null);
  })));
  const tab = document.querySelector(`button[data-tab="${side}"]`);
  tab.querySelector(".unread")?.remove();
  const count = phones.reduce((sum, phone) => sum + phone.unread, 0);
  if (count) tab.append(el("span", { class: "unread" }, String(count)));
}

// --- what the stream tells -----------------------------------------------------------------------

const told = {
  state(state) {
    world.clock.set(state.now);
    document.getElementById("clock").hidden = !state.can.advance;
    document.getElementById("card-form").hidden = !state.form_key;
    document.getElementById("card-book").hidden = !state.can.book;
    for (const about of state.phones) {
      if (!world.phones.has(about.key)) world.phones.set(about.key, new Phone(about, world));
      const phone = world.phones.get(about.key);
      phone.changed(about); phone.load(state.chats[about.key], state.commands[about.key]);
    }
    if (state.form_key && !world.form) world.form = new Form(document.getElementById("form"), state.form_key);
    document.getElementById("card-mail").hidden = !state.mailbox;
    if (state.mailbox && !world.mail) world.mail = new Mail(document.getElementById("mail"), state.mailbox);
    world.mail?.draw(state.letters);
    if (!world.ideas) world.ideas = new Ideas(world);
    for (const side of ["customer", "manager"]) if (!world.selected[side]) { const own = world.side(side); world.show((language() === "en" && own[1]) || own[0]); }
    for (const side of ["customer", "manager"]) drawPeople(side);
    world.ideas.draw(); told.ready(state); ticks();
    document.body.dataset.live = "true";
  },
  message({ phone, message }) { world.phones.get(phone)?.receive(message); },
  gone({ phone, id }) { world.phones.get(phone)?.remove(id); },
  taken({ phone, ids }) { world.phones.get(phone)?.taken(ids); },
  commands({ phone, commands }) { const known = world.phones.get(phone); if (known) known.offer(commands); },
  phone(about) { world.phones.get(about.key)?.changed(about); },
  action({ phone, action }) { world.phones.get(phone)?.action(action); },
  clock({ now }) { world.clock.set(now); ticks(); },
  ready({ ready }) { world.isReady = ready; document.body.dataset.ready = String(ready); for (const phone of world.phones.values()) phone.waiting(ready); },
  letters({ letters }) { world.mail?.draw(letters); },
  book(book) { world.book = book; drawBook(book); },
};

let today = "";

function ticks() {
  world.clock.draw();
  const day = world.now().toDateString();
  for (const phone of world.phones.values()) {
    phone.tick(world.now());
    if (today && today !== day) phone.redraw(); // what was today is yesterday now
  }
  today = day;
}

function listen() {
  const stream = new EventSource("/page/events");
  for (const [name, hear] of Object.entries(told)) stream.addEventListener(name, (event) => hear(JSON.parse(event.data)));
  stream.addEventListener("open", () => { document.getElementById("lost").hidden = true; });
  stream.addEventListener("error", () => { document.getElementById("lost").hidden = false; });
}

// --- what the visitor chooses --------------------------------------------------------------------

function theme(dark) {
  if (dark) document.documentElement.dataset.theme = "dark"; else delete document.documentElement.dataset.theme;
  const button = document.getElementById("theme");
  button.textContent = dark ? "☀" : "☾"; button.setAttribute("aria-pressed", String(dark));
}

let dark = matchMedia("(prefers-color-scheme: dark)").matches;
try { dark = (localStorage.getItem("openlines-theme") || (dark ? "dark" : "light")) === "dark"; } catch { /* storage may be shut */ }
theme(dark);
document.getElementById("theme").addEventListener("click", () => {
  dark = !dark; theme(dark);
  try { localStorage.setItem("openlines-theme", dark ? "dark" : "light"); } catch { /* then it is forgotten */ }
});
document.getElementById("language").addEventListener("click", () => {
  speak(language() === "ru" ? "en" : "ru");
  for (const phone of world.phones.values()) { phone.build(); phone.redraw(); }
  world.ideas?.draw();
  for (const side of ["customer", "manager"]) if (world.selected[side]) world.show(world.selected[side]);
  world.mail?.draw(world.mail.letters); told.ready({ ready: world.isReady }); drawBook(world.book); ticks();
});
for (const button of document.querySelectorAll("button[data-tab]")) button.addEventListener("click", () => world.tab(button.dataset.tab));

translate();
world.tab("customer");
new Tour(world);
setInterval(ticks, 10_000);
listen();
