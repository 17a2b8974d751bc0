# Lists, search, figures.

list-mine = My leads
list-mine-empty = You have no open leads.
list-waiting = Waiting for an answer
list-waiting-empty = Nobody is waiting, everyone has an answer.
list-all = All open
list-all-empty = There are no open leads.
list-closed = Closed
list-closed-empty = There are no closed leads yet.
list-stage = Stage “{ $stage }”
list-stage-empty = This stage is empty.
list-stages = By stage
list-row = #{ $number } · { $name }
list-repeat = repeat
list-count = { $count }
list-many = { $count }+
button-number = #{ $number }

found-heading = “{ $query }”: { $count ->
    [one] { $count } match
   *[other] { $count } matches
  }
found-many = “{ $query }”: { $count }+ matches
found-first = the first { $count }
found-nothing = Nothing found for “{ $query }”
found-hint = Search by name, phone or its last digits, e-mail or its domain, Telegram username, lead number or words of a conversation.
found-no-lead = no leads

stats-today = Today
stats-week = The last 7 days
stats-leads = { $count ->
    [one] { $count } lead
   *[other] { $count } leads
  }: { $fresh } new, { $repeat } repeat
stats-channels = Channels
stats-sources = Sources
stats-taken = Taken: { $taken }, answered: { $answered }
stats-median = Time to the first answer: { $time } (median)
stats-closed = Success: { $success }, junk: { $junked }
stats-reasons = Reasons for junk
stats-now = Open now: { $open }, waiting: { $waiting }
stats-unanswered = Nobody has answered yet: { $count }
stats-excluded = Stopped by exclusions: { $count }
stats-parked = Not understood: { $count }
stats-managers = By manager
stats-manager = { $name }: { $taken } taken, { $answered } answered, { $open } open
