//! Random histories against a small model of what must work: codes, refresh tokens, access tokens, password changes and a
//! clock that moves. Two browsers of one person, one client whose tokens rotate and one whose token stays.

use crate::support::{AuthRequest, Browser, PASSWORD, TestApp};

const WINDOW: i64 = 10;
const IDLE: i64 = 14 * 86_400;
const CODE: i64 = 60;
const ACCESS: i64 = 600;
/// Beyond this the first grants could be swept, and a model would have to know that too.
const LONGEST: i64 = 60 * 86_400;
const CLIENTS: [&str; 2] = ["spa", "backend"];

/// Numbers that repeat with their seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

struct Code {
    code: String,
    request: AuthRequest,
    grant: usize,
    issued_at: i64,
    used: bool,
}

/// One grant, with the family and the tokens that came from it.
struct Grant {
    client: usize,
    /// The session in which it was granted, by its cookie.
    session: String,
    alive: bool,
    family: Option<Family>,
    access: Vec<(String, i64)>,
}

struct Family {
    /// Every token ever given out.
    tokens: Vec<String>,
    current: String,
    previous: Option<String>,
    given_out_at: i64,
    used_at: i64,
}

struct History {
    app: TestApp,
    browsers: [Browser; 2],
    codes: Vec<Code>,
    grants: Vec<Grant>,
    dice: Dice,
    passed: i64,
    log: Vec<String>,
    seen: Seen,
}

/// What happened, so that a run in which nothing does is noticed.
#[derive(Debug, Default)]
struct Seen {
    rotations: usize,
    repeats: usize,
    reissues: usize,
    replays: usize,
    kept: usize,
    replayed_codes: usize,
}

impl History {
    async fn start(seed: u64) -> Self {
        let app = TestApp::usual().seed(seed).start().await;
        let browsers = [app.signed_in("alice").await, app.signed_in("alice").await];
        let log = vec![format!("seed {seed}")];
        Self {
            app,
            browsers,
            codes: Vec::new(),
            grants: Vec::new(),
            dice: Dice(seed),
            passed: 0,
            log,
            seen: Seen::default(),
        }
    }

    fn now(&self) -> i64 {
        self.app.now().seconds()
    }

    async fn step(&mut self) {
        match self.dice.roll(40) {
            0..4 => self.authorize().await,
            4..12 => self.redeem().await,
            12..30 => self.refresh().await,
            30..33 => self.ask_userinfo().await,
            33 => self.change_password().await,
            _ => self.wait(),
        }
    }

    fn wait(&mut self) {
        let short = [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, CODE - 1, CODE, ACCESS + 20];
        let long = [5 * 3600, IDLE / 2, IDLE];
        let span = match self.dice.roll(6) {
            0 => long[self.dice.roll(long.len())],
            _ => short[self.dice.roll(short.len())],
        };
        if self.passed + span <= LONGEST {
            self.log.push(format!("wait {span}"));
            self.passed += span;
            self.app.advance(span);
        }
    }

    async fn authorize(&mut self) {
        let (client, browser) = (self.dice.roll(3) / 2, self.dice.roll(2));
        let party = self.app.relying_party(CLIENTS[client]);
        let request = party.request();
        let answer = party.authorize(&self.browsers[browser], &request, "alice").await;
        let code = party.code(&answer, &request);
        let session = self.browsers[browser].cookie("session").expect("somebody is signed in");
        self.log.push(format!("code {} of {} in browser {browser}", self.codes.len(), CLIENTS[client]));
        self.grants.push(Grant { client, session, alive: true, family: None, access: Vec::new() });
        let grant = self.grants.len() - 1;
        self.codes.push(Code { code, request, grant, issued_at: self.now(), used: false });
    }

    async fn redeem(&mut self) {
        if self.codes.is_empty() {
            return;
        }
        // Mostly the newest unused one, so that some are in time.
        let unused = self.codes.iter().rposition(|code| !code.used).filter(|_| self.dice.roll(5) > 0);
        let index = unused.unwrap_or_else(|| self.dice.roll(self.codes.len()));
        let (is_right, is_own) = (self.dice.roll(6) > 0, self.dice.roll(8) > 0);
        let now = self.now();
        let code = &mut self.codes[index];
        let grant = &mut self.grants[code.grant];
        let client = if is_own { grant.client } else { 1 - grant.client };
        let mut request = code.request.clone();
        if !is_right {
            request.verifier = "w".repeat(43);
        }
        self.log.push(format!("redeem {index} verifier {is_right} own client {is_own}"));
        let party = self.app.relying_party(CLIENTS[client]);
        let answer = party.redeem(&code.code, &request).await;
        let works = is_own && is_right && !code.used && now < code.issued_at + CODE && grant.alive;
        assert_eq!(answer.status == 200, works, "{:#?}\n{answer:?}", self.log);
        if is_own {
            if code.used {
                self.seen.replayed_codes += usize::from(grant.alive);
                grant.alive = false;
            }
            code.used = true;
        }
        if works {
            let tokens = party.tokens(&answer, Some(&request)).await;
            let token = tokens.refresh().to_owned();
            grant.access.push((tokens.access_token.clone(), now + ACCESS));
            grant.family = Some(Family {
                tokens: vec![token.clone()],
                current: token,
                previous: None,
                given_out_at: now,
                used_at: now,
            });
        }
    }

    async fn refresh(&mut self) {
        let with_family: Vec<usize> =
            (0..self.grants.len()).filter(|index| self.grants[*index].family.is_some()).collect();
        if with_family.is_empty() {
            return;
        }
        let recent = with_family.len().saturating_sub(3);
        let index = if self.dice.roll(4) == 0 {
            with_family[self.dice.roll(with_family.len())]
        } else {
            with_family[recent + self.dice.roll(with_family.len() - recent)]
        };
        let now = self.now();
        let grant = &mut self.grants[index];
        let family = grant.family.as_mut().expect("filtered above");
        // Mostly one of the two newest: older ones end the family.
        let newest = family.tokens.len().min(2);
        let back = if self.dice.roll(8) == 0 { family.tokens.len() } else { newest };
        let token = family.tokens[family.tokens.len() - 1 - self.dice.roll(back)].clone();
        self.log
            .push(format!("refresh of grant {index} with token {:?}", family.tokens.iter().position(|t| *t == token)));
        let party = self.app.relying_party(CLIENTS[grant.client]);
        let answer = party.refresh(&token).await;
        let is_live = grant.alive && now < family.used_at + IDLE;
        let is_current = token == family.current;
        let is_previous = family.previous.as_ref() == Some(&token);
        let works = is_live && (is_current || is_previous);
        assert_eq!(answer.status == 200, works, "{:#?}\n{answer:?}", self.log);
        if is_live && !works {
            self.seen.replays += 1;
            grant.alive = false;
        }
        if !works {
            return;
        }
        let tokens = party.tokens(&answer, None).await;
        let given = tokens.refresh().to_owned();
        let stays = grant.client == 1 || is_previous && now - family.given_out_at <= WINDOW;
        assert_eq!(given == family.current, stays, "{:#?}", self.log);
        assert!(stays || !family.tokens.contains(&given), "a token is never given out for a second meaning");
        match (stays, is_current) {
            (true, true) => self.seen.kept += 1,
            (true, false) => self.seen.repeats += 1,
            (false, true) => self.seen.rotations += 1,
            (false, false) => self.seen.reissues += 1,
        }
        if is_current && !stays {
            family.previous = Some(token);
        }
        if !stays {
            family.tokens.push(given.clone());
        }
        family.current = given;
        (family.given_out_at, family.used_at) = (now, now);
        grant.access.push((tokens.access_token.clone(), now + ACCESS));
    }

    /// Every access token of some grant: alive while its grant is, and until it expires.
    async fn ask_userinfo(&mut self) {
        if self.grants.is_empty() {
            return;
        }
        let index = self.dice.roll(self.grants.len());
        let (grant, now) = (&self.grants[index], self.now());
        let party = self.app.relying_party(CLIENTS[grant.client]);
        self.log.push(format!("userinfo of grant {index}"));
        for (token, expires_at) in grant.access.iter().rev().take(3) {
            let status = party.userinfo(token).await.status;
            // Within the tolerance for clocks either is fine.
            if !(*expires_at..*expires_at + 16).contains(&now) {
                let works = grant.alive && now < *expires_at;
                assert_eq!(status, if works { 200 } else { 401 }, "{:#?}", self.log);
            }
        }
    }

    /// Ends every session but the one that changes it, and what was granted in them.
    async fn change_password(&mut self) {
        let index = self.dice.roll(2);
        let browser = &self.browsers[index];
        if browser.get("/account/password").await.status != 200 {
            browser.forget("session");
            browser.sign_in("alice", PASSWORD).await;
        }
        let page = browser.get("/account/password").await;
        let values = [("current_password", PASSWORD), ("password", PASSWORD), ("password_confirmation", PASSWORD)];
        browser.submit(&page, &values).await.assert_status(303);
        let session = browser.cookie("session").expect("somebody is signed in");
        self.log.push(format!("password changed in browser {index}"));
        for grant in &mut self.grants {
            grant.alive &= grant.session == session;
        }
    }
}

/// RFC 6749 §4.1.2, RFC 6749 §6, RFC 9700 §4.5, RFC 9700 §4.14.2
#[tokio::test]
async fn random_histories_agree_with_the_model() {
    let mut seen = Seen::default();
    for seed in 1..=8 {
        let mut history = History::start(seed).await;
        for _ in 0..180 {
            history.step().await;
        }
        seen.rotations += history.seen.rotations;
        seen.repeats += history.seen.repeats;
        seen.reissues += history.seen.reissues;
        seen.replays += history.seen.replays;
        seen.kept += history.seen.kept;
        seen.replayed_codes += history.seen.replayed_codes;
    }
    let counts = [seen.rotations, seen.repeats, seen.reissues, seen.replays, seen.kept, seen.replayed_codes];
    assert!(counts.iter().all(|count| *count >= 5), "histories in which everything happens: {seen:?}");
}
