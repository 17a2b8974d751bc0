# What admins see: exclusions, staff, the ledger.

exclusions-heading = Exclusions
exclusions-found = Exclusions: “{ $query }”
exclusions-none = The list is empty. Nothing is taken from those on it, and they become no leads.
exclusions-none-found = Nothing like that is on the list.
exclusion-made = Added by { $name }, { $when }
exclusion-hits = { $count ->
    [one] Stopped { $count } message
   *[other] Stopped { $count } messages
  }, the last { $when }
exclusion-no-hits = Nothing stopped yet
pattern-telegram = Telegram id { $id }
exclude-added = { $pattern } is on the list
exclude-already = { $pattern } was on the list already
exclude-unchanged = Its end and comment stay as they were. The button below changes them.
exclude-changed = { $pattern }: saved.
exclude-until = until { $when }
exclude-through = through { $day }
exclude-forever = without an end
exclude-covers = { $count ->
    [one] Covers { $count } person
   *[other] Covers { $count } people
  } we know:
exclude-open-leads = { $count ->
    [one] open lead: { $leads }
   *[other] open leads: { $leads }
  }
exclude-how = Who should be kept out? Send a phone, an e-mail, a @domain, a @username or a Telegram id, one per line. A comment may follow after “;”, and an end: “until 2026-12-31” or “for 30 days”. Or simply forward a message of that person here.
exclude-example = +44 20 7946 0123; spam for 30 days
exclude-lifted = { $pattern } is off the list, messages come in again.
exclude-lifted-only = { $pattern } is off the list.
exclude-still = But messages are still stopped by { $patterns }.
exclude-put-back = { $pattern } is on the list again.
check-how = Who should be checked? Send a phone, an e-mail, a @domain, a @username, a Telegram id, or forward a message of that person.
check-stopped = { $pattern } would be stopped
check-let-in = { $pattern } gets through
include-how = Who should come off the list? Send a phone, an e-mail, a @domain, a @username or a Telegram id. A word of the comment will do, too.
include-other = { $pattern } is not on the list itself, but { $other } keeps it out. Take { $other } off?
include-similar = Nothing exactly like that is on the list. Take { $pattern } off?
include-which = Several fit. Which one should come off?
include-none = { $pattern } is not on the list.
stopped-heading = What the exclusions stopped
stopped-none = There are no stopped messages.
stopped-nameless = no name
stopped-forgotten = the message itself has been deleted and cannot be restored
restored-new = Restored: a new lead { $number }, { $name }
restored-open = Restored: the message is in lead { $number } now, { $name }
restored-already = This has been restored already.
restored-still = New messages will still be stopped: { $pattern } is on the list.
restored-not-lead = Taken again, but it became no lead: { $state }
person-excluded = { $name } is excluded: { $count ->
    [one] { $count } address
   *[other] { $count } addresses
  }.
person-excluded-others = The same addresses belong to { $names }.
person-exclusion-undone = The exclusion is undone.
button-undo-one = ↩️ { $pattern }

managers-heading = { $count ->
    [one] { $count } person works here
   *[other] { $count } people work here
  }
manager-not-started = has not opened the bot yet
manager-away = away
role-admin = admin
role-manager = manager
manager-here = here
ask-remove = Remove { $name }? They lose access, others get their open leads; history stays.
manager-removed = { $name } does not work here any more.
invitation-manager = An invitation for a manager
invitation-admin = An invitation for an admin
invitation-once = Forward this link to one person. It works once and is good for { $count ->
    [one] { $count } day
   *[other] { $count } days
  }.

ledger-heading = The ledger of today (UTC)
ledger-line = { $received } received: { $filed } filed, { $excluded } excluded, { $ignored } not for leads, { $duplicate } repeated, { $parked } not understood
ledger-even = It balances.
ledger-uneven = It does not balance: something was received and not accounted for. This is a bug, please report it.
ledger-nothing = Nothing came in today.
ledger-trouble = Not working: { $what }
ledger-seen = Last heard { $when }
ledger-parked = { $count ->
    [one] { $count } message was not understood
   *[other] { $count } messages were not understood
  }
parked-heading = Not understood
parked-none = Everything has been understood.
replayed = Taken again: { $state }
state-filed = filed
state-parked = not understood again
state-excluded = stopped by an exclusion
state-ignored = nothing for a lead
state-duplicate = already there
