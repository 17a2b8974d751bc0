# Notices: what the bot writes unasked.

notice-given = { $name } gave you a lead
notice-given-by-queue = You were given a lead
notice-moved-on = Lead { $number } is no longer yours
notice-moved-on-to = { $name } handed it to { $to }
notice-moved-on-taken = { $to } took it over
notice-closed-by = { $name } closed lead { $number }: { $reason }
notice-reopened-by = { $name } reopened the lead
notice-noted = Lead { $number }: { $name } wrote a note
notice-answered-by = Lead { $number }: { $name } answered the customer
notice-leads-free = { $count ->
    [one] A colleague is not here any more, and { $count } lead is nobody’s again.
   *[other] A colleague is not here any more, and { $count } leads are nobody’s again.
  } Take what you can.
notice-many = A lot has come in
notice-many-new = { $count ->
    [one] { $count } new lead
   *[other] { $count } new leads
  }
notice-many-others = { $count ->
    [one] new messages in { $count } lead
   *[other] new messages in { $count } leads
  }
many-means = I won’t show them one by one: you find them all in the lists.
notice-message = Lead { $number }
notice-edited = Lead { $number }: a message was edited
notice-edited-before = Before: { $text }
notice-failed = Lead { $number }: not delivered
notice-uncertain = Lead { $number }: it may not have arrived
notice-delivered-late = Lead { $number }: the answer has arrived
uncertain-means = The connection broke while the message was on its way. The customer may have it; if not, send it again.
notice-account-trouble = No connection: { $name }
notice-account-well = Connected again: { $name }
account-part-mailbox = { $name }, incoming letters
account-part-listener = { $name }, letters taken over SMTP
account-part-sending = { $name }, outgoing letters
notice-connected = Somebody outside your team has connected the bot to their business account
connected-means = What is written there comes to you as leads. If you do not know them, switch off the bot’s Business Mode in @BotFather.
notice-parked = Something came in that was not understood
parked-means = Nothing is lost: the original is kept, you can look at it and take it again.
notice-joined = { $name } has joined the team: { $role }. The link came from { $by }.
notice-joined-by-console = { $name } has joined the team: { $role }. The link was made on the server.
notice-unreachable = The bot cannot write to { $name }: they have not opened it, or have blocked it. They are offered no leads meanwhile.

cause-blocked = The customer has blocked the bot.
cause-deactivated = The customer’s account is gone.
cause-not_found = There is no such chat or mailbox any more.
cause-shut = In the chat of a business account the bot may write within a day of the customer’s last message, and as long as the owner allows it. Write to them from Telegram itself.
cause-account-retired = The bot or mailbox the customer wrote to is no longer connected.
cause-too_large = The file is too large.
cause-malformed = The network does not take such content.
cause-gave_up = It could not be sent for three days.
cause-excluded = The person is on the exclusion list.
cause-customer-wrote = The customer wrote first, so the automatic message is not needed.
cause-other = Reason: { $reason }
notice-files-missing = A file of lead { $number } could not be had, { $name }
notice-files = Files of lead { $number }, { $name }
notice-files-refused = { $count ->
    [one] The file could not be shown here, try the Files button.
   *[other] The files could not be shown here, try the Files button.
  }
notice-not-shown = Telegram did not take a notice about lead { $number } for { $name }

trouble-token-refused = The bot's token is no longer accepted. Get a new one from @BotFather and restart; nothing is lost.
trouble-conflict = Another program polls this bot. Stop it, and messages will flow.
trouble-webhook-set = A webhook is set for this bot, and messages go there. We take it away; if it comes back, another program uses this bot.
trouble-unreachable = The server does not answer. We keep trying, messages will wait.
trouble-silent = Nothing has been heard from it for a while. See whether the program runs and is online: openlines doctor.
trouble-webhook-refused = Telegram did not take the webhook's address. Check OPENLINES_PUBLIC_URL.
trouble-webhook-failing = Telegram cannot deliver messages to us. Check that OPENLINES_PUBLIC_URL is open to the internet.
trouble-mailbox = The mailbox does not answer. We keep trying, letters will wait.
