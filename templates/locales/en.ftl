# English. Every key and every argument of this file stands in each other locale too; a test compares them.

## What surrounds every page
layout-skip = Skip to the content
layout-language = Language
layout-account = Your account:
layout-new-tab = (opens in a new tab)
reveal-show = Show
reveal-hide = Hide
reference-label = Reference

## Fields
field-login = User name or e-mail address
field-username = User name
field-email = E-mail address
field-password = Password
field-password-confirmation = Password again
field-current-password = Current password
field-new-password = New password
field-new-password-confirmation = New password again
field-name = Name
field-given-name = Given name
field-family-name = Family name
field-nickname = Nickname
field-locale = Language
form-correct = Please correct:

## Start
start-title = One account for your apps
start-lead = Apps send you here to sign in. Your password stays here; an app learns only what you agree to share with it.
start-signed-in = Signed in as
start-login = Sign in
start-signup = Create an account
start-account = Your account
start-logout = Sign out
start-demo-title = For developers
start-demo-lead = A small single-page app runs authorization code with PKCE against this server and shows every message and the decoded tokens.
start-demo = Try a PKCE sign-in

## Sign-in
login-title = Sign in
login-app = to continue to
login-submit = Sign in
login-cancel = Cancel and go back to the app
login-no-account = No account yet?
login-signup = Create one
login-wrong = The user name or the password is not right. Check both and try again.
login-throttled =
    { $seconds ->
        [one] There were too many attempts. Try again in one second.
       *[other] There were too many attempts. Try again in { $seconds } seconds.
    }
login-again = The app asks you to sign in again, to make sure it is you.
login-busy = Sign-in is very busy right now. Wait a moment and try again.

## Sign-up
signup-title = Create an account
signup-submit = Create account
signup-have-account = Already have an account?
signup-login = Sign in
signup-username-hint = Up to 64 letters and digits, with dots, hyphens or underscores between them.
signup-username-rule = This user name cannot be used. Choose up to 64 letters and digits, with dots, hyphens or underscores only between them.
signup-username-taken = This user name is taken. Choose another one.
signup-email-rule = This is not a complete e-mail address, such as name@example.com.
signup-taken = This user name or e-mail address cannot be used. Choose another user name, or sign in if the account is yours.

## Passwords
password-hint = 8 to 256 characters. A few unrelated words are easy to remember and hard to guess.
password-rule = A password has 8 to 256 characters.
password-common = This password is among the first that an attacker tries. Choose another one.
password-mismatch = The two passwords are not the same. Type the new one twice.
password-like-name = The password is too much like your user name or e-mail address. Choose another one.
password-wrong-current = This is not your current password.
password-title = Change password
password-lead = Afterwards you stay signed in here; every other device and app has to sign in again.
password-submit = Change password
password-back = Keep the current one

## Consent
consent-title = Allow access
consent-wants = { $client } asks for access to your account
consent-unnamed = An app
consent-account = Signed in as
consent-switch = Use another account
consent-scopes = It would be able to
consent-new = New
consent-unverified = This app runs on your device, so we cannot prove which app it is. Allow access only if you have just started the sign-in yourself.
consent-self-registered = This app registered itself. Nobody has checked its name, its picture or who is behind it.
consent-goes = The answer goes to
consent-allow = Allow
consent-deny = Deny
consent-about = About this app
consent-policy = Privacy policy
consent-terms = Terms of service

## Standard scopes
scope-openid = Know that it is you who signs in
scope-profile = See your profile: name, user name, language
scope-email = See your e-mail address
scope-address = See your postal address
scope-phone = See your telephone number
scope-offline_access = Keep this access while you are not using the app
scope-other = Use the permission “{ $name }”

## Points in time
when-now = just now
when-minutes =
    { $count ->
        [one] a minute ago
       *[other] { $count } minutes ago
    }
when-hours =
    { $count ->
        [one] an hour ago
       *[other] { $count } hours ago
    }
when-days =
    { $count ->
        [one] yesterday
       *[other] { $count } days ago
    }
when-date =
    { $day } { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    } { $year }

## Long lists
pages-label = Pages
pages-previous = Previous
pages-next = Next
pages-where = Page { $number } of { $count }

## Account
account-title = Your account
account-changed = Your password is changed. Every other device and app has to sign in again.
account-password = Change password
account-logout = Sign out
account-profile-lead = Name and language
account-profile = Change profile
account-email-unverified = Not confirmed
account-email = Change e-mail address
account-sessions-count =
    { $count ->
        [one] One browser
       *[other] { $count } browsers
    }
account-sessions = Show devices
account-apps-count =
    { $count ->
        [0] None
        [one] One app
       *[other] { $count } apps
    }
account-apps = Show apps
account-admin-lead = For administrators
account-admin = Administration

## Profile
profile-title = Profile
profile-lead = Apps that you allow to see your profile see what stands here. Nothing of it is required.
profile-username-fixed = A user name cannot be changed.
profile-locale-hint = The language that apps should use with you.
profile-locale-unset = Not set
profile-submit = Save
profile-back = Leave it as it is
profile-saved = Your profile is saved.
profile-name-rule = Use at most 128 characters, without line breaks or hidden marks.
profile-locale-rule = Choose a language from the list.

## E-mail address
email-title = Change e‑mail address
email-lead = You sign in with it, and it is where we write to you.
email-password-hint = So that nobody can change it in a browser you left open.
email-submit = Change e-mail address
email-back = Keep the current one
email-saved = Your e-mail address is changed.
email-taken = This e-mail address cannot be used. Choose another one.

## Sessions and devices
sessions-title = Where you are signed in
sessions-lead = These browsers are signed in to your account. If you do not recognize one, end its session and change your password.
sessions-this = This one
sessions-seen = Last seen
sessions-since = Signed in
sessions-network = Network
sessions-end = End session
sessions-end-others = End all other sessions
sessions-none-else = You are signed in nowhere else.
sessions-ended-one = The session is ended. That browser has to sign in again.
sessions-ended-all = All other sessions are ended.
sessions-gone = That session had already ended.
device-both = { $browser } on { $system }
device-system = A browser on { $system }
device-unknown = An unknown browser
end-session-title = End this session?
end-session-lead = That browser is signed out at once. Apps that were given access in it have to ask you again.
end-session-apps = These apps lose access
end-session-password = If somebody else may know your password:
end-session-submit = End session
end-session-back = Leave it as it is
end-others-title = End all other sessions?
end-others-lead =
    { $count ->
        [0] You are signed in nowhere else.
        [one] One other browser is signed out at once. Apps that were given access in it have to ask you again.
       *[other] { $count } other browsers are signed out at once. Apps that were given access in them have to ask you again.
    }
end-others-submit = End all other sessions

## Apps with access
apps-title = Apps with access
apps-lead = You allowed these apps to use your account. Take away what you no longer need.
apps-none = No app has access to your account.
apps-may = It is able to
apps-used = Last used
apps-since = Since
apps-open = Open
apps-revoke = Take access away
apps-revoked = The app has no access any more.
apps-gone = That app had no access any more.
revoke-app-title = Take access away?
revoke-app-lead = { $client } is cut off at once, on every device. It can ask you again when you next sign in with it. What it has already read stays with it.
revoke-app-submit = Take access away
revoke-app-back = Leave it as it is

## Administration
admin-title = Administration
admin-more = Everything else is done with the command line for now: authward --help.

## Usage
usage-title = Usage
usage-lead = Which app calls which API how often, and with what outcome.
usage-range = Period
usage-range-24h = 24 hours
usage-range-7d = 7 days
usage-range-30d = 30 days
usage-range-90d = 90 days
usage-range-wrong = This period cannot be shown. Choose a first and a last day, at most a year apart and not in the future.
usage-from = From
usage-to = To
usage-show = Show
usage-only = Only
usage-let-go = Remove
usage-when = { $since } to { $until } UTC, compared with the same length of time from { $before }.
usage-requests = Requests
usage-failed = Failed
usage-failed-count = { $count } requests
usage-p95 = 95 of 100 answered within
usage-mean = { $time } ms on average
usage-before = { $count } before
usage-new = new
usage-by = Grouped by
usage-by-client = App
usage-by-api = API
usage-by-client-api = App and API
usage-by-endpoint = Endpoint
usage-by-grant = Grant type
usage-by-outcome = Outcome
usage-by-source = Counted by
usage-source-server = This server
usage-source-resource = The APIs themselves
usage-unknown = No known app
usage-other = Not told apart
usage-others = All others
usage-no-api = No API
usage-no-grant = No grant
usage-nothing = Nothing was counted in this period.
usage-over-time-hour = Requests by hour
usage-over-time-day = Requests by day
usage-plot-label = Bars of requests over time. The table below has the same numbers.
usage-numbers = Numbers
usage-time = Time (UTC)
usage-who = In total
usage-share = Compared with the largest
usage-before-head = Before
usage-change = Change
usage-mean-head = Mean, ms
usage-p95-head = 95%, ms
usage-truncated = Only the { $most } largest are shown here. The file has them all.
usage-csv-table = Table as a file (CSV)
usage-csv-series = Over time as a file (CSV)
usage-note = Calls to an API itself are counted where that API reports them. Each server adds what it counted every few seconds.

## Sign-out
logout-title = Sign out?
logout-asked = { $client } asks to sign you out.
logout-lead = You will be signed out on this device. The next app that needs you will ask for your password.
logout-account = Signed in as
logout-submit = Sign out
logout-stay = Stay signed in
logged-out-title = You are signed out
logged-out-lead = Nobody is signed in on this device any more. You can close this page.
logging-out-lead = Your other apps are being told.
logging-out-next = Continue
logged-out-login = Sign in again

## Answer sent by a form
form-post-title = Going back to the app
form-post-lead = You are on your way back to { $client }. If nothing happens, press the button.
form-post-lead-unnamed = You are on your way back to the app. If nothing happens, press the button.
form-post-submit = Continue

## Errors: for each case a title and a message
error-status = Error { $status }
error-reference = If you write to the people who make the app, give them this reference: with it the exact reason can be looked up.
error-back = Go back
error-title = This did not work
error-request-title = The app sent a request we cannot accept
error-request = Something in the request is missing or wrong. You cannot mend this yourself; the app's developer can.
error-client-title = We do not know this app
error-client = The app that sent you here is not registered, or has been switched off. Nothing was shared with it.
error-redirect-uri-title = We cannot send you back to this app
error-redirect-uri = The address the app wants the answer at is not one that it registered. To protect your account we stop here; nothing was shared.
error-expired-title = This sign-in is over
error-expired = It took too long, or was finished in another window. Go back to the app and start again.
error-csrf-title = This form is out of date
error-csrf = It was opened some time ago or in another session. Go back, load the page again and repeat what you did.
error-not-found-title = There is nothing here
error-not-found = The address may be mistyped, or the page may be gone.
error-method-title = This address works differently
error-method = It cannot be opened in this way. Go back and use the links and buttons of the page.
error-too-large-title = This is too much
error-too-large = What was sent is larger than we accept.
error-busy-title = Please try again in a moment
error-busy = We cannot answer right now. Nothing is lost; wait a little and load the page again.
error-throttled-title = Too many attempts
error-throttled = Wait a little before you try again.
error-denied-title = This is not open to you
error-denied = Your account does not have access here.

## The description of the JSON endpoints
api-title = The API of this server
api-lead = The JSON endpoints: OAuth 2 and OpenID Connect for apps, and the admin API for operators and their programs.
api-token = The admin API takes an access token for the resource { $resource } with scope admin:read to look or admin:write to change: of a client that is registered for it (client_credentials), or of a user with the role admin.
api-document = The OpenAPI 3.1 document, for programs
api-scope = Scope
api-required = required
api-parameters = Parameters
api-body = Body
api-answers = Answers
api-schemas = Objects
api-refusals = Refusals
