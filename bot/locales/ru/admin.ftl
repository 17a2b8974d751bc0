# Экраны администратора: исключения, сотрудники, журнал приёма.

exclusions-heading = Исключения
exclusions-found = Исключения: «{ $query }»
exclusions-none = Список пуст. От тех, кто в нём, сообщения не принимаются и лидами не становятся.
exclusions-none-found = Такого в списке нет.
exclusion-made = Кто добавил: { $name }, { $when }
exclusion-hits = { $count ->
    [one] Остановлено { $count } сообщение
    [few] Остановлено { $count } сообщения
   *[many] Остановлено { $count } сообщений
  }, последнее { $when }
exclusion-no-hits = Пока ничего не остановлено
pattern-telegram = Telegram id { $id }
exclude-added = { $pattern } в списке
exclude-already = { $pattern } уже в списке
exclude-unchanged = Срок и комментарий остались прежними. Поменять можно кнопкой ниже.
exclude-changed = { $pattern }: записано.
exclude-until = до { $when }
exclude-through = по { $day } включительно
exclude-forever = бессрочно
exclude-covers = { $count ->
    [one] Касается { $count } человека
    [few] Касается { $count } человек
   *[many] Касается { $count } человек
  } из тех, кого мы знаем:
exclude-open-leads = { $count ->
    [one] открыт лид { $leads }
   *[other] открыты лиды { $leads }
  }
exclude-how = Кого не пускать? Пришлите телефон, почту, @домен, @имя или id в Telegram, по одному на строку. После «;» можно написать комментарий, в конце срок: «до 31.12.2026» или «на 30 дней». Можно просто переслать сюда сообщение этого человека.
exclude-example = +7 900 123-45-67; спам на 30 дней
exclude-lifted = { $pattern } больше не в списке, сообщения снова приходят.
exclude-lifted-only = { $pattern } больше не в списке.
exclude-still = Но сообщения всё ещё останавливает: { $patterns }.
exclude-put-back = { $pattern } снова в списке.
check-how = Кого проверить? Пришлите телефон, почту, @домен, @имя, id в Telegram или перешлите сообщение этого человека.
check-stopped = { $pattern } не пройдёт
check-let-in = { $pattern } проходит
include-how = Кого убрать из списка? Пришлите телефон, почту, @домен, @имя или id в Telegram. Подойдёт и слово из комментария.
include-other = { $pattern } в списке нет, но не пускает { $other }. Убрать { $other }?
include-similar = Точно такого в списке нет. Убрать { $pattern }?
include-which = Подходит несколько. Что убрать?
include-none = { $pattern } нет в списке.
stopped-heading = Что остановили исключения
stopped-none = Остановленных сообщений нет.
stopped-nameless = без имени
stopped-forgotten = исходное сообщение уже удалено, вернуть его нельзя
restored-new = Вернули: новый лид № { $number }, { $name }
restored-open = Вернули: сообщение теперь в лиде № { $number }, { $name }
restored-already = Это уже вернули.
restored-still = Новые сообщения по-прежнему не пройдут: { $pattern } в списке.
restored-not-lead = Взяли заново, но лида не вышло: { $state }
person-excluded = { $name }: { $count ->
    [one] исключён { $count } адрес
    [few] исключены { $count } адреса
   *[many] исключено { $count } адресов
  }.
person-excluded-others = Те же адреса есть у: { $names }.
person-exclusion-undone = Исключение снято.
button-undo-one = ↩️ { $pattern }

managers-heading = { $count ->
    [one] { $count } сотрудник
    [few] { $count } сотрудника
   *[many] { $count } сотрудников
  }
manager-not-started = бот ещё не открыт
manager-away = нет на месте
role-admin = администратор
role-manager = менеджер
manager-here = на месте
ask-remove = Убрать из сотрудников: { $name }? Доступа больше не будет, открытые лиды получат другие, история останется.
manager-removed = { $name } больше не в списке сотрудников.
invitation-manager = Приглашение для менеджера
invitation-admin = Приглашение для администратора
invitation-once = Перешлите эту ссылку одному человеку. Она сработает один раз, { $count ->
    [one] действует { $count } день
    [few] действует { $count } дня
   *[many] действует { $count } дней
  }.

ledger-heading = Журнал приёма за сегодня (по UTC)
ledger-line = Получено { $received }: принято { $filed }, исключено { $excluded }, не для лидов { $ignored }, повторов { $duplicate }, не разобрано { $parked }
ledger-even = Сходится.
ledger-uneven = Не сходится: что-то получено, но не учтено. Это ошибка системы, сообщите разработчикам.
ledger-nothing = Сегодня ничего не приходило.
ledger-trouble = Не работает: { $what }
ledger-seen = Связь была { $when }
ledger-parked = { $count ->
    [one] Не разобрано { $count } сообщение
    [few] Не разобрано { $count } сообщения
   *[many] Не разобрано { $count } сообщений
  }
parked-heading = Не разобрано
parked-none = Всё разобрано.
replayed = Взяли заново: { $state }
state-filed = принято
state-parked = снова не разобрано
state-excluded = остановлено исключением
state-ignored = ничего для лида
state-duplicate = уже есть
