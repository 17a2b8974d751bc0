# Письма: новое, ответ, письмо целиком, что пришло не от клиента.

command-write = написать письмо: /write 12
help-letter = Если клиент писал на почту, ответ уйдёт письмом. «Тема: …» и «Копия: a@b.ru» в первых строках меняют тему и добавляют копию.

button-letter = ✉️ Письмо
button-whole-letter = 📄 Всё письмо
button-whole-letter-of = 📄 Письмо, { $when }
button-whole-message = 📄 Всё сообщение
button-whole-message-of = 📄 Сообщение, { $when }
button-letter-subject = Тема
button-letter-copy = Копия
button-letter-keep = Оставить «{ $subject }»
button-letter-to = Кому: { $address }
button-letter-copy-none = Без копий

letter-to = Кому: { $address }
letter-subject = Тема: { $subject }
letter-copies = Копия: { $addresses }
letter-no-subject = Без темы
letter-new = Новое письмо: { $name }, лид № { $number }
letter-answer = Ответ письмом: { $name }, лид № { $number }
letter-next = Следующее сообщение уйдёт этим письмом, можно с файлом.
letter-ask-subject = Какая тема у письма?
letter-ask-copy = Кому отправить копию? Один адрес или несколько через запятую.
letter-over = Это письмо уже отправлено или отменено. Начните новое с карточки.
letter-which = Кому написать? Пришлите номер лида, например: 12

letter-automatic = автоматическое письмо
letter-third-person = пишет не клиент
letter-bounced = Письмо вернулось: { $why }
letter-bounced-address = такого адреса нет ({ $report })
letter-bounced-full = ящик переполнен ({ $report })
letter-bounced-mailbox = ящик не принимает письма ({ $report })
letter-bounced-large = письмо слишком большое ({ $report })
letter-bounced-policy = почтовый сервер получателя не принял письмо ({ $report })

refused-no-mailbox = У линии нет почтового ящика, письма отправлять неоткуда. Администратор может его подключить.
refused-no-email = У клиента из лида № { $number } нет адреса почты.
refused-email-closed = Письма на { $address } возвращаются, поэтому туда больше не пишем. Спросите у клиента другой адрес.
refused-email-of-another = С адреса { $address } нам пишет другой клиент. Если это один человек, объедините карточки.
refused-copy = «{ $written }» не похоже на адрес почты. Пример: anna@example.com
refused-copies-many = Слишком много адресов в копии. Можно до { $limit }.
refused-copy-excluded = { $address } в списке исключений, туда ничего не отправляем. Уберите этот адрес из копии.
refused-subject = Тема должна быть одной строкой до { $limit } знаков.
