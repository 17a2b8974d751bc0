# Letters: a new one, an answer, the whole of one, and what did not come from the customer.

command-write = write a letter: /write 12
help-letter = If the customer wrote by e-mail, your answer goes as a letter. “Subject: …” and “Cc: a@b.com” in the first lines change the subject and add a copy.

button-letter = ✉️ Letter
button-whole-letter = 📄 Whole letter
button-whole-letter-of = 📄 Letter, { $when }
button-whole-message = 📄 Whole message
button-whole-message-of = 📄 Message, { $when }
button-letter-subject = Subject
button-letter-copy = Cc
button-letter-keep = Keep “{ $subject }”
button-letter-to = To { $address }
button-letter-copy-none = No copies

letter-to = To: { $address }
letter-subject = Subject: { $subject }
letter-copies = Cc: { $addresses }
letter-no-subject = No subject
letter-new = A new letter to { $name }, lead { $number }
letter-answer = An answer by letter to { $name }, lead { $number }
letter-next = Your next message goes out as this letter, with a file if you like.
letter-ask-subject = What is the letter about? Send its subject.
letter-ask-copy = Who gets a copy? One address, or several with commas between.
letter-over = This letter has been sent or cancelled. Start a new one from the card.
letter-which = Who is the letter for? Send the number of the lead, for example: 12

letter-automatic = automatic letter
letter-third-person = not the customer
letter-bounced = The letter came back: { $why }
letter-bounced-address = there is no such address ({ $report })
letter-bounced-full = the mailbox is full ({ $report })
letter-bounced-mailbox = the mailbox takes no letters ({ $report })
letter-bounced-large = the letter is too large ({ $report })
letter-bounced-policy = the recipient’s mail server did not take it ({ $report })

refused-no-mailbox = This line has no mailbox, so no letter can be sent. An admin can connect one.
refused-no-email = The customer in lead { $number } has no e-mail address.
refused-email-closed = Letters to { $address } come back, so nothing more is sent there. Ask the customer for another address.
refused-email-of-another = Another customer writes to us from { $address }. If this is one person, merge the two.
refused-copy = “{ $written }” does not look like an e-mail address. Example: anna@example.com
refused-copies-many = Too many addresses get a copy. Up to { $limit } are fine.
refused-copy-excluded = { $address } is on the exclusion list, nothing is sent there. Leave it out of the copy.
refused-subject = A subject is one line of up to { $limit } characters.
