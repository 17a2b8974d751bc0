// One message as the messenger shows it. Everything people wrote goes in as text nodes.
import { el, say } from "./words.js";

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote" };
const SAFE = /^(https?:|mailto:|tel:|tg:)/i;

// Text with Telegram's marks. Offsets are UTF-16 units, which is how JavaScript counts too.
export function marked(text, entities, on) {
  const edges = new Set([0, text.length]);
  const fitting = entities.filter((e) => e.offset >= 0 && e.length > 0 && e.offset + e.length <= text.length);
  for (const e of fitting) { edges.add(e.offset); edges.add(e.offset + e.length); }
  const root = document.createDocumentFragment();
  const cuts = [...edges].sort((a, b) => a - b);
  const open = [{ node: root, end: text.length, entity: null }];
  const byStart = [...fitting].sort((a, b) => a.offset - b.offset || b.length - a.length);
  let next = 0;
  for (let i = 0; i < cuts.length - 1; i++) {
    const [start, end] = [cuts[i], cuts[i + 1]];
    while (open.length > 1 && open.at(-1).end <= start) open.pop();
    while (next < byStart.length && byStart[next].offset === start) {
      const entity = byStart[next++];
      const node = holder(entity, text, on);
      open.at(-1).node.append(node);
      open.push({ node, end: Math.min(entity.offset + entity.length, open.at(-1).end), entity });
    }
    open.at(-1).node.append(text.slice(start, end));
  }
  return root;
}

function holder(entity, text, on) {
  const inside = text.slice(entity.offset, entity.offset + entity.length);
  if (TAGS[entity.type]) return el(TAGS[entity.type]);
  if (entity.type === "spoiler") return el("span", { class: "spoiler", onclick: (e) => e.currentTarget.classList.remove("spoiler") });
  if (entity.type === "bot_command") return el("span", { class: "cmd", onclick: () => on.command(inside) });
  const url = entity.type === "text_link" ? entity.url : entity.type === "url" ? (/^\w+:/.test(inside) ? inside : `https://${inside}`) : null;
  if (url && SAFE.test(url)) return el("a", { href: url, rel: "noopener noreferrer", target: "_blank", onclick: (e) => { if (on.link(url)) e.preventDefault(); } });
  return el("span");
}

// `parts` are the messages of one bubble: one, or the pictures of an album.
export function draw(parts, on) {
  const message = parts.at(0);
  const worded = parts.find((part) => part.text) || message;
  const last = parts.at(-1);
  const pictures = parts.filter((part) => part.kind === "photo");
  const bubble = el("div", { class: "bubble" });
  if (message.reply) bubble.append(quote(message.reply, on));
  if (pictures.length) {
    bubble.classList.add("bare");
    if (!worded.text) bubble.classList.add("over");
    const size = pictures.length === 1 ? "one" : pictures.length === 2 ? "two" : "many";
    bubble.append(el("div", { class: `pics ${size}` }, pictures.map((part) => el("img", { src: part.file.url, alt: say("photo"), loading: "lazy", onclick: () => on.look(part.file.url) }))));
  } else for (const part of parts) if (part.file) bubble.append(file(part));
  if (message.contact) bubble.append(el("div", { class: "doc" }, el("i", {}, "☎"), el("span", {}, el("b", {}, message.contact.name), el("small", {}, message.contact.phone))));
  if (worded.text) bubble.append(el("span", { class: "words" }, marked(worded.text, worded.entities, on)));
  else if (!message.file && !message.contact) bubble.append(el("span", { class: "words" }, `[${kindName(message.kind)}]`));
  const marks = parts.flatMap((part) => part.reactions || []);
  bubble.append(meta(last, parts.some((part) => part.edited)));
  if (marks.length) bubble.append(el("div", {}, el("span", { class: "marks" }, marks.join(" "))));
  bubble.append(el("span", { class: "tools" },
    el("button", { type: "button", title: say("reply"), "aria-label": say("reply"), onclick: () => on.reply(message) }, "↩"),
    message.mine && worded.text ? el("button", { type: "button", title: say("edit"), "aria-label": say("edit"), onclick: () => on.edit(worded) }, "✎") : null));
  swipe(bubble, () => on.reply(message));
  const host = el("div", { class: `msg${message.mine ? " mine" : ""}`, "data-id": message.id }, bubble);
  const rows = last.buttons || message.buttons;
  if (rows) host.append(keys(last.buttons ? last : message, rows, on));
  return host;
}

function meta(message, edited) {
  const time = new Date(message.at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return el("span", { class: "meta" }, edited ? `${say("edited")} ` : "", time, message.mine ? el("span", { class: "ticks" }, message.taken ? "✓✓" : "✓") : null);
}

function quote(reply, on) {
  return el("button", { type: "button", class: "quote", onclick: () => on.jump(reply.id) },
    el("b", {}, reply.mine ? say("you") : on.botName()), el("span", {}, reply.text || kindName(reply.kind)));
}

export function kindName(kind) {
  return { photo: say("photo"), voice: say("voice"), document: say("file"), sticker: say("sticker"), location: say("location"), contact: say("contact") }[kind] || kind;
}

function file(part) {
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (part.kind === "voice" || part.kind === "audio") {
    const bars = el("span", { class: "wave" });
    for (let i = 0; i < 22; i++) { const bar = el("u"); bar.style.height = `${5 + Math.round(15 * Math.abs(Math.sin(i * 1.7 + part.id) * Math.cos(i * .6)))}px`; bars.append(bar); }
    const sound = new Audio(); // its file is fetched when somebody listens
    const icon = el("i", {}, "▶");
    const box = el("a", { class: "doc", role: "button", tabindex: "0", "aria-label": kindName(part.kind) }, icon, el("span", {}, bars, el("small", {}, clock(part.file.seconds))));
    box.addEventListener("click", () => { if (!sound.src) sound.src = part.file.url; if (sound.paused) sound.play().catch(() => {}); else sound.pause(); });
    sound.addEventListener("play", () => { icon.textContent = "❚❚"; box.classList.add("playing"); });
    for (const over of ["pause", "ended"]) sound.addEventListener(over, () => { icon.textContent = "▶"; box.classList.remove("playing"); });
    return box;
  }
  const size = part.file.size > 1048576 ? `${(part.file.size / 1048576).toFixed(1)} MB` : `${Math.max(1, Math.round(part.file.size / 1024))} KB`;
  return el("a", { class: "doc", href: part.file.url, target: "_blank", rel: "noopener" }, el("i", {}, "↓"), el("span", {}, el("b", {}, part.file.name || kindName(part.kind)), el("small", {}, size)));
}

function keys(message, rows, on) {
  return el("div", { class: "keys" }, rows.map((row) => el("div", {}, row.map((button) => el("button", { type: "button", "data-data": button.data, onclick: (event) => on.tap(message, button, event.currentTarget) }, button.text)))));
}

// Touch: to the left is "reply", as in Telegram.
function swipe(bubble, reply) {
  let from = null;
  bubble.addEventListener("touchstart", (event) => { from = event.touches[0]; }, { passive: true });
  bubble.addEventListener("touchmove", (event) => {
    if (!from) return;
    const [x, y] = [event.touches[0].clientX - from.clientX, event.touches[0].clientY - from.clientY];
    if (Math.abs(y) > 24) { from = null; bubble.style.translate = ""; return; }
    bubble.style.translate = `${Math.max(-64, Math.min(0, x))}px`;
  }, { passive: true });
  bubble.addEventListener("touchend", (event) => {
    if (from && event.changedTouches[0].clientX - from.clientX < -48) reply();
    from = null; bubble.style.translate = "";
  });
  bubble.addEventListener("dblclick", (event) => { if (!event.target.closest("button, a, img")) reply(); });
}
