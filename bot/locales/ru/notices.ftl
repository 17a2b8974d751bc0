# Уведомления: что бот пишет сам.

notice-given = { $name } передаёт вам лид
notice-given-by-queue = Вам передан лид
notice-moved-on = Лид № { $number } теперь не ваш
notice-moved-on-to = { $name } передаёт лид: { $to }
notice-moved-on-taken = Лид забирает { $to }
notice-closed-by = Лид № { $number } закрывает { $name }: { $reason }
notice-reopened-by = Лид снова открывает { $name }
notice-noted = Лид № { $number }: заметку пишет { $name }
notice-answered-by = Лид № { $number }: клиенту отвечает { $name }
notice-leads-free = { $count ->
    [one] Коллеги нет на месте, и { $count } лид снова ничей.
    [few] Коллеги нет на месте, и { $count } лида снова ничьи.
   *[many] Коллеги нет на месте, и { $count } лидов снова ничьи.
  } Возьмите, что сможете.
notice-many = Накопилось много
notice-many-new = { $count ->
    [one] { $count } новый лид
    [few] { $count } новых лида
   *[many] { $count } новых лидов
  }
notice-many-others = { $count ->
    [one] новые сообщения в { $count } лиде
   *[many] новые сообщения в { $count } лидах
  }
many-means = По одному показывать их не буду: всё есть в списках.
notice-message = Лид № { $number }
notice-edited = Лид № { $number }: сообщение изменили
notice-edited-before = Было: { $text }
notice-failed = Лид № { $number }: не доставлено
notice-uncertain = Лид № { $number }: неизвестно, дошло ли
notice-delivered-late = Лид № { $number }: ответ дошёл
uncertain-means = Связь оборвалась, пока сообщение отправлялось. Возможно, клиент его получил; если нет, отправьте ещё раз.
notice-account-trouble = Нет связи: { $name }
notice-account-well = Связь восстановлена: { $name }
account-part-mailbox = { $name }, приём писем
account-part-listener = { $name }, приём писем по SMTP
account-part-sending = { $name }, отправка писем
notice-connected = Кто-то не из вашей команды подключил бота к своему бизнес-аккаунту
connected-means = Переписка оттуда приходит к вам лидами. Если этот человек вам не знаком, выключите Business Mode бота в @BotFather.
notice-parked = Пришло то, что система не разобрала
parked-means = Ничего не потеряно: исходное сообщение сохранено, его можно посмотреть и взять заново.
notice-joined = Новый человек в команде: { $name }, { $role }. Приглашение: { $by }.
notice-joined-by-console = Новый человек в команде: { $name }, { $role }. Приглашение сделано на сервере.
notice-unreachable = Бот не может написать сотруднику { $name }: бот не открыт или заблокирован. Лиды ему пока не предлагаются.

cause-blocked = Клиент заблокировал бота.
cause-deactivated = Аккаунт клиента удалён.
cause-not_found = Такого чата или ящика больше нет.
cause-shut = В чате бизнес-аккаунта бот может писать, пока не прошли сутки с последнего сообщения клиента и пока это разрешает владелец. Напишите клиенту прямо из Telegram.
cause-account-retired = Бот или ящик, куда писал клиент, больше не подключён.
cause-too_large = Слишком большой файл.
cause-malformed = Сеть не приняла такое содержимое.
cause-gave_up = Три дня не получалось отправить.
cause-excluded = Человек в списке исключений.
cause-customer-wrote = Клиент написал сам, автоматическое сообщение уже не нужно.
cause-other = Причина: { $reason }
notice-files-missing = Файл к лиду № { $number } не удалось получить, { $name }
notice-files = Файлы к лиду № { $number }, { $name }
notice-files-refused = { $count ->
    [one] Файл здесь показать не получилось, попробуйте кнопку «Файлы».
   *[other] Файлы здесь показать не получилось, попробуйте кнопку «Файлы».
  }
notice-not-shown = Telegram не принял уведомление о лиде № { $number }, адресат: { $name }

trouble-token-refused = Токен бота больше не принимается. Возьмите новый у @BotFather и перезапустите программу; ничего не потеряно.
trouble-conflict = Этого бота опрашивает ещё одна программа. Остановите её, и сообщения пойдут.
trouble-webhook-set = У бота включён вебхук, и сообщения уходят туда. Мы его снимаем; если он появится снова, этим ботом пользуется ещё одна программа.
trouble-unreachable = Сервер не отвечает. Попытки продолжаются, сообщения дождутся.
trouble-silent = Оттуда давно ничего не слышно. Проверьте, запущена ли программа и есть ли у неё интернет: openlines doctor.
trouble-webhook-refused = Telegram не принял адрес вебхука. Проверьте OPENLINES_PUBLIC_URL.
trouble-webhook-failing = Telegram не может доставить нам сообщения. Проверьте, открыт ли OPENLINES_PUBLIC_URL из интернета.
trouble-mailbox = Почтовый ящик не отвечает. Попытки продолжаются, письма дождутся.
