# Отказы ядра: почему сделать нельзя. Показываются всплывающим окном (до 200 знаков) или строкой.

refused-admins-only = Это могут только администраторы.
refused-conversation-closed = Ответить по лиду № { $number } нельзя: { $why ->
    [blocked] клиент заблокировал бота
    [deactivated] аккаунт клиента удалён
    [not_found] такого адреса больше нет
    [account-retired] бот или ящик, куда писал клиент, больше не подключён
    [bounced] письма на его адрес возвращаются
   *[other] сюда ничего не доставить
  }.
refused-delivery-gone = Этого сообщения больше нет.
refused-delivery-settled = Это сообщение уже дошло или ещё в пути, второй раз отправлять не нужно.
refused-excluded = Человек из лида № { $number } в списке исключений, ответ не отправлен. Сначала уберите его из исключений.
refused-invitation-expired = Срок приглашения истёк. Попросите новое.
refused-invitation-unknown = Такого приглашения нет. Проверьте ссылку или попросите новую.
refused-invitation-used = Этим приглашением уже воспользовались. Попросите новое.
refused-lead-closed = Лид № { $number } уже закрыт.
refused-lead-gone = Такого лида нет.
refused-lead-moved = Лид № { $number } изменился с тех пор, как появилась эта кнопка. Показываю, как сейчас.
refused-lead-open = Лид № { $number } и так открыт.
refused-lead-taken = Лид № { $number } уже ведёт { $name }.
refused-manager-gone = Этот человек у нас больше не работает.
refused-manager-unreachable = { $name } не получает сообщений бота: лид останется без присмотра.
refused-no-way = По лиду № { $number } некуда писать: нет ни чата, ни почты.
refused-pattern-domain = «{ $pattern }» не похоже на домен. Пример: @example.com
refused-pattern-email = «{ $pattern }» не похоже на почту. Пример: anna@example.com
refused-pattern-empty = Пустая строка: укажите телефон, почту, @домен, @имя или id в Telegram.
refused-pattern-unclear = Не понимаю «{ $pattern }». Подойдёт телефон, почта, @домен, @имя или id в Telegram.
refused-pattern-bare-domain = Не понимаю «{ $pattern }». Чтобы не пускать всех с этого домена, напишите { $domain }
refused-pattern-username = «{ $pattern }» не похоже на имя в Telegram. Пример: @anna_petrova
refused-pattern-wide = «{ $pattern }» закроет дорогу слишком многим людям. Исключите конкретный адрес.
refused-pattern-wildcard = В «{ $pattern }» есть * или %. Шаблонов нет: укажите адрес или домен целиком.
refused-reason-missing = Чтобы закрыть лид № { $number }, выберите причину.
refused-remove-oneself = Себя убрать нельзя. Попросите другого администратора.
refused-remove-appointed = Этого человека назначает администратором настройка OPENLINES_ADMINS. Сначала уберите оттуда id { $id } и перезапустите программу, потом уберите человека здесь.
refused-reply-empty = Ответ пуст, отправлять нечего.
refused-stage-foreign = Эта стадия не для лида № { $number }.
refused-expiry-past = Срок «{ $written }» уже прошёл.
refused-expiry-date = Такого дня нет: «{ $written }».
refused-exclusions-many = Слишком много строк сразу: { $count }. Можно до { $limit }.
refused-exclusion-gone = Этого исключения больше нет.
refused-no-address = У человека из лида № { $number } нет ни одного адреса, исключать нечего.
refused-nothing-to-undo = Отменять нечего.
refused-note-empty = Заметка пуста.
refused-note-long = Слишком длинная заметка: { $length ->
    [one] { $length } знак
    [few] { $length } знака
   *[other] { $length } знаков
    }. Можно до { $limit }.
refused-timer-settled = Поздно: это уже отправлено или отменено.
refused-not-staff = Вас сейчас нет в списке сотрудников.
refused-merge-one = Это и так один человек.
refused-not-merged = Эти люди не объединены.
refused-contact-gone = Такого человека больше нет.
refused-conversation-gone = Такой переписки больше нет.
refused-separate-alone = Кроме этой переписки, о человеке ничего не известно, отделять не от кого.

# Отказы самого бота
refused-unknown = Так сделать нельзя.
refused-button-old = Эта кнопка из старой версии. Откройте карточку заново: /leads
refused-dialogs-down = Сейчас не получается запомнить начатый разговор. Ответьте прямо на карточку, так сработает.
refused-file-too-large = Файл больше 20 МБ, Telegram не даёт его переслать. Отправьте ссылкой.
refused-file-unavailable = Не удалось получить файл из Telegram. Пришлите его ещё раз.
refused-for-whom = Никому не ушло: вы ещё не ответили на мой вопрос, а ответ на карточку или сообщение получил бы клиент. Если это ответ на вопрос, пришлите его обычным сообщением. Если клиенту, нажмите «Отмена» под вопросом и ответьте ещё раз.
refused-forward-hidden = Этот человек скрыл свой аккаунт при пересылке, узнать его id нельзя. Исключить или вернуть его можно с карточки лида: /leads
refused-forward-bot = Это переслано от бота: он только передаёт слова клиентов, и кто их написал, из пересылки не видно. Исключить или вернуть его можно с карточки лида: /leads
refused-words = Файлы и голосовые здесь не сохраняются. Напишите текстом.
refused-content = Такое клиенту не переслать. Подойдут текст, фото, видео, голосовое и файлы.
refused-gone = Этого больше нет.
