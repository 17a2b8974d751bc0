# Списки, поиск, статистика.

list-mine = Мои лиды
list-mine-empty = У вас нет открытых лидов.
list-waiting = Ждут ответа
list-waiting-empty = Никто не ждёт, всем ответили.
list-all = Все открытые
list-all-empty = Открытых лидов нет.
list-closed = Закрытые
list-closed-empty = Закрытых лидов пока нет.
list-stage = Стадия «{ $stage }»
list-stage-empty = На этой стадии пусто.
list-stages = По стадиям
list-row = № { $number } · { $name }
list-repeat = повторный
list-count = { $count }
list-many = { $count }+
button-number = № { $number }

found-heading = «{ $query }»: { $count ->
    [one] { $count } совпадение
    [few] { $count } совпадения
   *[many] { $count } совпадений
  }
found-many = «{ $query }»: { $count }+ совпадений
found-first = первые { $count }
found-nothing = По запросу «{ $query }» ничего не нашлось
found-hint = Можно искать по имени, телефону или последним его цифрам, почте или её домену, имени в Telegram, номеру лида или словам из переписки.
found-no-lead = лидов нет

stats-today = Сегодня
stats-week = За 7 дней
stats-leads = { $count ->
    [one] { $count } лид
    [few] { $count } лида
   *[many] { $count } лидов
  }: { $fresh ->
    [one] { $fresh } новый
   *[many] { $fresh } новых
  }, { $repeat ->
    [one] { $repeat } повторный
   *[many] { $repeat } повторных
  }
stats-channels = Откуда
stats-sources = Источники
stats-taken = Взято в работу: { $taken }, с ответом: { $answered }
stats-median = До первого ответа: { $time } (медиана)
stats-closed = Успех: { $success }, отказ: { $junked }
stats-reasons = Причины отказов
stats-now = Сейчас открыто: { $open }, ждут ответа: { $waiting }
stats-unanswered = Ещё никто не ответил: { $count }
stats-excluded = Остановлено исключениями: { $count }
stats-parked = Не разобрано: { $count }
stats-managers = Кто как работает
stats-manager = { $name }: взято { $taken }, с ответом { $answered }, открыто { $open }
