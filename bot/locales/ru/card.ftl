# Карточка лида: кто, откуда, что написал, что было раньше, чего не хватает, что будет дальше.

when-now = только что
when-ago = { $time } назад
when-yesterday = вчера в { $time }
when-tomorrow = завтра в { $time }
when-day = { $day }, { $time }

channel-telegram = Telegram
channel-email = почта
channel-form = форма на сайте
channel-whatsapp = WhatsApp
channel-vk = ВКонтакте
channel-max = MAX
channel-chat = чат на сайте
channel-call = звонок
channel-staff = бот сотрудников
channel-other = { $name }

card-heading = Лид № { $number } · { $stage }
card-new = Новый лид № { $number }
card-repeat = Повторный лид № { $number }
card-nameless = Без имени
card-from = { $channel } · { $source }
card-address-closed = { $address } (недоступен)
card-extension = { $phone } доб. { $extension }
card-waits = Ждёт ответа: { $time }
card-free = Пока ничей
card-yours = Ваш лид
card-offered = Предложен вам
card-offered-to = Предложен: { $name }
card-taken-by = Ведёт: { $name }
card-was-of = Ответственный: { $name }
card-nobody = Ответственного не было
card-closed = Закрыт { $when }
card-closed-reason = Закрыт { $when }: { $reason }
card-comment = «{ $text }»
card-before = Уже писали нам: лид № { $number }, { $outcome }, { $when }
card-before-reason = Уже писали нам: лид № { $number }, { $outcome } ({ $reason }), { $when }
card-before-by = ответственный тогда: { $name }
card-excluded = Человек в списке исключений
card-client = Уже клиент
card-missing = Не хватает: { $what }
missing-phone = телефона
missing-email = почты
missing-name = имени
card-recognised = Узнали по совпадению: { $address }
card-recognised-named = Другое имя, { $kind ->
    [phone] тот же телефон
    [email] та же почта
   *[other] тот же адрес
  }: { $name }
card-suggested = Похоже, это тот же человек: { $name }
card-next = Дальше: { $robot }, { $when }
card-skipped = Не отправлено автоматически: «{ $robot }», потому что { $reason }
card-unseen = { $count ->
    [one] { $count } новое сообщение
    [few] { $count } новых сообщения
   *[many] { $count } новых сообщений
  }
card-older = { $count ->
    [one] … и ещё { $count } сообщение раньше
    [few] … и ещё { $count } сообщения раньше
   *[many] … и ещё { $count } сообщений раньше
  }
card-note = { $name }, { $when }: { $text }
card-cannot-answer = Ответить нельзя: { $why }
card-cannot-answer-call = Ответить нельзя: { $why }. Позвоните: { $phone }
card-only-call = Написать некуда, позвоните: { $phone }
card-answer-goes = { $kind ->
    [email] Ответ уйдёт письмом на почту
   *[other] Ответ уйдёт сюда: { $channel }
  }

# Почему ответить нельзя
unanswerable-excluded = человек в списке исключений
unanswerable-blocked = он заблокировал бота
unanswerable-deactivated = его аккаунт удалён
unanswerable-no-way = он не оставил адреса, по которому можно ответить
unanswerable-no-mailbox = у линии нет почтового ящика
unanswerable-email-of-another = с его почты нам пишет другой клиент; если это один человек, объедините карточки
unanswerable-account-retired = бот или ящик, куда он писал, больше не подключён
unanswerable-bounced = письма на его адрес не доходят
unanswerable-not_found = его адреса больше нет
unanswerable-other = { $why }

# Почему сработавшее правило ничего не сделало
skip-closed = лид закрыт
skip-stage-left = лид ушёл с этой стадии
skip-robot-off = правило выключено
skip-too-late = прошло слишком много времени
skip-condition = условие не выполнено
skip-no-text = нет текста
skip-too-many = слишком много автоматических сообщений подряд
skip-already-said = это уже говорили
skip-circle = правила гоняли лид по кругу
skip-answer-on-its-way = наш ответ ещё не дошёл
skip-answer-failed = наш ответ не дошёл
skip-nobody = сообщать некому
skip-customer-wrote = клиент написал сам
skip-called = с клиентом поговорили по телефону
skip-unsubscribed = человек просил не напоминать
skip-separated = переписка перешла к другому человеку
skip-merged = этого человека спросят в другом его лиде
skip-called-off = отменил менеджер
skip-no-way = некуда писать
skip-too-many-typed = за час ушло слишком много писем на адреса из форм, ответьте сами
skip-excluded = человек в исключениях
skip-blocked = клиент заблокировал бота
skip-deactivated = аккаунт клиента удалён
skip-not_found = такого чата или ящика больше нет
skip-account-retired = бот или ящик, куда писал клиент, больше не подключён
skip-bounced = письма на его адрес возвращаются
skip-other = { $reason }
rule-wrong = Правило «{ $robot }» настроено с ошибкой и не сработало. Скажите администратору.
rule-wrong-admin = Правило «{ $robot }» настроено с ошибкой и не сработало: { $error }
rule-broke = Правило «{ $robot }» не сработало из-за сбоя программы. Скажите администратору.
rule-broke-admin = Правило «{ $robot }» не сработало из-за сбоя программы: { $error }

# Строки переписки
message-in = { $name }, { $when }
message-out = { $name }, { $when } { $state }
message-start = ▶️ открывает чат с ботом
message-start-by = ▶️ открывает чат с ботом по ссылке «{ $link }»
message-answers = ↩ в ответ на: «{ $text }»
message-edited = изменено
author-customer = Клиент
author-owner = Владелец
author-robot = Автоответ
author-manager = Менеджер
file-photo = Фото
file-video = Видео
file-audio = Аудио
file-voice = Голосовое
file-video_note = Видеосообщение
file-document = Файл
file-sticker = Стикер
file-animation = Анимация
file-other = Вложение
file-named = { $kind }: { $name }
file-missing = { $file } (не удалось получить: { $why })
file-empty = { $file } (0 байт, показать нечего)
file-why-large = слишком большой
file-why-expired = ссылка устарела
file-why-other = сеть не отдаёт

# Что стало с исходящим
delivery-waiting = ⏳
delivery-sending = ⏳
delivery-sent = ✓
delivery-delivered = ✓✓
delivery-read = ✓✓
delivery-refused = ✗ не доставлено
delivery-uncertain = ? неизвестно, дошло ли
delivery-cancelled = ✗ отменено

outcome-success = успех
outcome-failure = отказ

# Выбор под карточкой
ask-stage = Лид № { $number }: куда перевести?
now-in-stage = Сейчас: { $stage }
ask-reason = Лид № { $number }: почему отказ?
ask-reason-commented = Лид № { $number }: почему отказ? Потом напишите комментарий.
ask-colleague = Лид № { $number }: кому передать?
no-colleagues = Других сотрудников пока нет.
colleague-here = { $name }
colleague-away = { $name } (нет на месте)
ask-exclude = Исключить: { $name }?
exclude-means = Больше ничего от этого человека не станет лидом, и ему ничего не уйдёт. Открытые лиды закроются как спам. Это можно отменить.
called = Записано: созвонились. Лид № { $number } больше не ждёт ответа.
files-earlier = Раньше по лиду № { $number } { $count ->
    [one] был ещё { $count } файл.
    [few] было ещё { $count } файла.
   *[many] было ещё { $count } файлов.
  }

field-company = компания
field-page = страница
field-referer = откуда
field-form = форма
