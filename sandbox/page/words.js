// What the page itself says, in two languages. What people and bots write is never translated.
const WORDS = {
  ru: {
    tagline: "открытая линия компании, вся на этой машине",
    "clock-now": "Время линии:", "plus-hour": "+1 час", "plus-day": "+1 день",
    tour: "Показать по шагам", language: "English", theme: "Тёмная или светлая тема",
    customer: "Клиент", manager: "Менеджер", try: "Что попробовать", "try-short": "Попробовать",
    "try-hint": "Нажмите, и это произойдёт в телефонах. Или пишите в них сами: всё настоящее.",
    form: "Форма на сайте", "form-name": "Имя", "form-phone": "Телефон", "form-message": "Что нужно сделать",
    "form-send": "Отправить", "form-fill": "Заполнить", "form-sent": "принято, № {id}", "form-again": "повтор узнан, № {id}",
    "form-failed": "не принято: {why}",
    book: "Журнал приёма", "book-hint": "Всё, что пришло, учтено ровно один раз. Если хоть что-то пропадёт, итог не сойдётся.",
    even: "сходится", uneven: "не сходится",
    received: "получено", filed: "принято", parked: "не разобрано", excluded: "исключено", duplicate: "повторы", ignored: "не для лидов",
    leads_open: "открытые лиды", leads_waiting: "ждут ответа", deliveries_waiting: "в пути", timers_waiting: "запланировано",
    telegram: "Telegram клиентов", staff: "бот менеджеров", "channel-form": "форма на сайте", email: "почта",
    lost: "Связь с программой потеряна, пробуем снова…", starting: "Бот менеджеров запускается…",
    bot: "бот", typing: "печатает…", blocked: "бот заблокирован", unblock: "Разблокировать",
    write: "Сообщение", "empty-customer": "Напишите первое сообщение. Без регистраций и токенов: бот ответит сразу.",
    "empty-manager": "Сюда придут карточки лидов.", begin: "Начать",
    you: "Вы", reply: "Ответить", edit: "Изменить", editing: "Правка сообщения", cancel: "Отмена", edited: "изменено",
    send: "Отправить", attach: "Приложить", commands: "Команды", more: "Ещё", record: "Голосовое сообщение",
    photo: "Фото", "photo-kitchen": "Фото кухни", "photo-room": "Фото комнаты", "photo-bath": "Фото ванной", album: "Альбом из трёх фото", plan: "План квартиры (файл)", contact: "Мой телефон",
    own: "Файл с компьютера…", block: "Заблокировать бота", ad: "Прийти по ссылке из рекламы", file: "Файл", voice: "Голосовое", sticker: "Стикер", location: "Геопозиция", late: "Бот пока не ответил на нажатие.",
    opens: "Откроется: {url}", invited: "Ссылка-приглашение сработает для того, кто ещё не в команде.",
    today: "Сегодня", yesterday: "Вчера",
    "idea-anna": "Анна пишет про ремонт кухни", "idea-take": "Менеджер берёт лид", "idea-reply": "Менеджер отвечает прямо на карточку",
    "idea-album": "Анна шлёт три фото: это один лид", "idea-john": "John пишет и получает ответ по-английски", "idea-form": "Заявка с сайта, отправленная дважды",
    "idea-ad": "Пётр приходит по ссылке из рекламы", "idea-race": "Двое жмут «Взять» одновременно", "idea-cut": "Связь рвётся во время ответа", "idea-day": "День молчания: бот сам напомнит о себе",
    "idea-stats": "Борис смотрит цифры дня", "idea-exclude": "Спам: проверить, исключить, вернуть",
    "say-anna": "Здравствуйте! Хочу обновить кухню, 12 метров. Сколько это будет стоить и когда сможете начать?",
    "say-john": "Hi! I need the bathroom retiled before March. Do you work with English-speaking clients?",
    "say-reply": "Добрый день! Кухня под ключ от 280 тысяч, начать можем через неделю. Пришлёте фото?",
    "say-album": "Вот как сейчас", "say-form-name": "Ольга Круглова", "say-form-message": "Нужен косметический ремонт студии, 28 метров",
    mail: "Почта", "mail-from": "От кого", "mail-subject": "Тема", "mail-text": "Письмо", "mail-send": "Отправить письмо", "idea-letter": "Елена пишет письмо на почту компании",
    "say-mail-subject": "Смета на двушку", "say-mail-text": "Добрый день!\nПришлите, пожалуйста, смету на двухкомнатную, 54 м².\n\nЕлена",
    "say-petr": "Видел вашу рекламу. Делаете ванные под ключ?", "say-race": "А балконы утепляете?", "say-cut": "Отправляю смету, посмотрите, пожалуйста.", "say-day": "Замер бесплатный, приедем в любой день. Когда вам удобно?",
    "need-card": "Сначала нужен лид: пусть Анна напишет.", "need-own": "Сначала менеджер должен взять лид.", "need-bot": "Подождите немного: бот менеджеров ещё запускается.",
    next: "Дальше", done: "Готово", skip: "Закрыть", step: "{n} из {all}",
    "tour-1": "Клиент пишет", "tour-1-text": "Слева телефон клиента. Анна пишет в бот компании и сразу получает подтверждение на своём языке.",
    "tour-2": "Менеджер видит карточку", "tour-2-text": "Бот показал, кто пишет, откуда и что нужно. Кнопки работают: сейчас менеджер возьмёт лид.",
    "tour-3": "Ответ уходит клиенту", "tour-3-text": "Достаточно ответить на карточку. Реакция 👌 на сообщении менеджера значит, что оно доставлено.",
    "tour-4": "Сайт, почта, мессенджер: одна очередь", "tour-4-text": "Заявка с формы становится таким же лидом. Двойное нажатие второго лида не создаст.",
    "tour-5": "Ничего не теряется", "tour-5-text": "Журнал считает всё, что пришло, на самом краю. Получено всегда равно сумме остального.",
    "tour-6": "Время можно подвинуть", "tour-6-text": "Если клиент молчит сутки после ответа, бот вежливо напомнит о себе. Прибавьте день и посмотрите на телефон клиента.",
  },
  en: {
    tagline: "a company's open line, all of it on this machine",
    "clock-now": "Time on the line:", "plus-hour": "+1 hour", "plus-day": "+1 day",
    tour: "Show me around", language: "Русский", theme: "Dark or light",
    customer: "Customer", manager: "Manager", try: "What to try", "try-short": "Try it",
    "try-hint": "Click, and it happens in the phones. Or type in them yourself: everything is real.",
    form: "Site form", "form-name": "Name", "form-phone": "Phone", "form-message": "What do you need",
    "form-send": "Send", "form-fill": "Fill in", "form-sent": "accepted, no. {id}", "form-again": "recognised as the same, no. {id}",
    "form-failed": "not accepted: {why}",
    book: "The ledger", "book-hint": "Whatever came in is accounted for exactly once. Should anything get lost, the sum would not add up.",
    even: "balances", uneven: "does not balance",
    received: "received", filed: "filed", parked: "parked", excluded: "excluded", duplicate: "duplicates", ignored: "not for leads",
    leads_open: "open leads", leads_waiting: "waiting", deliveries_waiting: "on the way", timers_waiting: "scheduled",
    telegram: "customers' Telegram", staff: "managers' bot", "channel-form": "site form", email: "e-mail",
    lost: "The program does not answer, trying again…", starting: "The managers' bot is starting…",
    bot: "bot", typing: "is typing…", blocked: "bot blocked", unblock: "Unblock",
    write: "Message", "empty-customer": "Write the first message. No sign-up, no token: the bot answers at once.",
    "empty-manager": "Cards of new leads will arrive here.", begin: "Start",
    you: "You", reply: "Reply", edit: "Edit", editing: "Editing the message", cancel: "Cancel", edited: "edited",
    send: "Send", attach: "Attach", commands: "Commands", more: "More", record: "Voice message",
    photo: "Photo", "photo-kitchen": "Photo of the kitchen", "photo-room": "Photo of the room", "photo-bath": "Photo of the bathroom", album: "Album of three photos", plan: "Floor plan (file)", contact: "My phone number",
    own: "A file of yours…", block: "Block the bot", ad: "Come by a link in an ad", file: "File", voice: "Voice message", sticker: "Sticker", location: "Location", late: "The bot has not answered the tap yet.",
    opens: "Opens {url}", invited: "The invitation link works for somebody who is not in the team yet.",
    today: "Today", yesterday: "Yesterday",
    "idea-anna": "Анна asks about a new kitchen (in Russian)", "idea-take": "The manager takes the lead", "idea-reply": "The manager answers by replying to the card",
    "idea-album": "Three photos at once are one lead", "idea-john": "John writes and is answered in his language", "idea-form": "The site form, sent twice",
    "idea-ad": "Пётр comes by a link in an ad", "idea-race": "Two managers tap Take at once", "idea-cut": "The connection breaks in mid-answer", "idea-day": "A day of silence: the bot follows up by itself",
    "idea-stats": "Figures of the day", "idea-exclude": "Spam: check, exclude, restore",
    "say-anna": "Здравствуйте! Хочу обновить кухню, 12 метров. Сколько это будет стоить и когда сможете начать?",
    "say-john": "Hi! I need the bathroom retiled before March. Do you work with English-speaking clients?",
    "say-reply": "Hello! A bathroom takes two weeks, from £2,900 with tiles. Could you send a photo?",
    "say-album": "This is how it looks now", "say-form-name": "Emma Clarke", "say-form-message": "A studio of 28 m², walls and floor",
    mail: "E-mail", "mail-from": "From", "mail-subject": "Subject", "mail-text": "Letter", "mail-send": "Send the letter", "idea-letter": "Елена writes to the company's mailbox",
    "say-mail-subject": "Estimate", "say-mail-text": "Good morning,\ncould you send an estimate for a two-room flat, 54 m²?\n\nElena",
    "say-petr": "Видел вашу рекламу. Делаете ванные под ключ?", "say-race": "Do you insulate balconies too?", "say-cut": "Here is the estimate, please have a look.", "say-day": "Measuring is free, any day suits us. When shall we come?",
    "need-card": "A lead is needed first: let a customer write.", "need-own": "The manager has to take a lead first.", "need-bot": "One moment: the managers' bot is still starting.",
    next: "Next", done: "Done", skip: "Close", step: "{n} of {all}",
    "tour-1": "A customer writes", "tour-1-text": "On the left is the customer's phone. John writes to the company's bot and is answered at once, in his language.",
    "tour-2": "A manager sees the card", "tour-2-text": "Who writes, from where, what is needed. The buttons work: the manager takes the lead now.",
    "tour-3": "The answer goes back", "tour-3-text": "Replying to the card is enough. The 👌 on the manager's message says that it has arrived.",
    "tour-4": "Site, mail, messenger: one queue", "tour-4-text": "A form becomes a lead like any other, and a double click makes no second one.",
    "tour-5": "Nothing gets lost", "tour-5-text": "The ledger counts everything at the very edge. Received always equals the sum of the rest.",
    "tour-6": "Time can be moved", "tour-6-text": "A customer who is silent for a day after our answer gets a polite reminder. Add a day and watch the customer's phone.",
  },
};

let spoken = "ru";
try { spoken = localStorage.getItem("openlines-language") || (navigator.language.startsWith("ru") ? "ru" : "en"); } catch { /* storage may be shut */ }

export const language = () => spoken;

export function say(key, values = {}) {
  const text = (WORDS[spoken] && WORDS[spoken][key]) ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

export function speak(other) {
  spoken = other;
  try { localStorage.setItem("openlines-language", other); } catch { /* then it is forgotten */ }
  translate();
}

export function translate() {
  document.documentElement.lang = spoken;
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
  for (const place of document.querySelectorAll("[data-label]")) { place.title = say(place.dataset.label); place.setAttribute("aria-label", place.title); }
  document.getElementById("language").textContent = say("language");
}

// An element with these attributes and children. Strings become text, never markup.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// Draw anew what stands in `place`; the keyboard stays where it was, on what stands there now.
export function redrawn(place, draw) {
  const held = document.activeElement, all = () => [...place.querySelectorAll("button, a, input, textarea")];
  const at = place.contains(held) ? all().indexOf(held) : -1;
  draw();
  if (at >= 0 && !held.isConnected) (all()[at] ?? all().at(-1))?.focus({ preventScroll: true });
}

export async function act(body) {
  const answer = await fetch("/page/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => { throw new Error(say("lost")); });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error || answer.statusText);
  return told;
}
