//! A person's browser: cookies, pages and forms. It follows redirects only within the server, and only when told.

use super::answer::Answer;
use super::app::TestApp;
use std::collections::BTreeMap;
use std::sync::Mutex;
use url::Url;

/// The most redirects of one walk.
const MOST_REDIRECTS: usize = 10;

/// A browser of one person.
pub struct Browser {
    http: reqwest::Client,
    base: String,
    issuer: String,
    path: String,
    cookies: Mutex<BTreeMap<String, String>>,
    headers: Vec<(&'static str, String)>,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        Self {
            http: app.http.clone(),
            base: app.base.clone(),
            issuer: app.issuer.clone(),
            path: app.services.settings.server.issuer.path().to_owned(),
            cookies: Mutex::default(),
            headers: Vec::new(),
        }
    }

    /// A browser that sends this header with everything.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Another tab is the same browser; this is another browser with the same cookies, as a thief has it.
    pub fn stolen(&self) -> Self {
        Self {
            http: self.http.clone(),
            base: self.base.clone(),
            issuer: self.issuer.clone(),
            path: self.path.clone(),
            cookies: Mutex::new(self.cookies()),
            headers: self.headers.clone(),
        }
    }

    /// Opens an address: a path under the issuer, or a whole URL of the issuer or of the address it listens on.
    pub async fn get(&self, address: &str) -> Answer {
        self.send(self.http.get(self.resolve(address))).await
    }

    /// Sends a form.
    pub async fn post<K: AsRef<str>, V: AsRef<str>>(&self, address: &str, fields: &[(K, V)]) -> Answer {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        self.send(self.http.post(self.resolve(address)).form(&fields)).await
    }

    /// Sends a request with this browser's cookies and headers, and keeps the cookies of the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let mut request = request;
        let cookies = self.cookies();
        if !cookies.is_empty() {
            let line = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            request = request.header("cookie", line);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = Answer::read(request.send().await.expect("an answer")).await;
        self.keep(&answer);
        answer
    }

    /// Follows redirects as long as they stay on this server; the last answer is a page or a redirect to elsewhere.
    pub async fn follow(&self, answer: Answer) -> Answer {
        let mut answer = answer;
        for _ in 0..MOST_REDIRECTS {
            match answer.location() {
                Some(location) if answer.status / 100 == 3 && self.is_ours(&location) => {
                    assert_eq!(answer.status, 303, "{answer:?}");
                    answer = self.get(&location).await;
                }
                _ => return answer,
            }
        }
        panic!("more than {MOST_REDIRECTS} redirects: {answer:?}");
    }

    /// Opens an address and follows.
    pub async fn open(&self, address: &str) -> Answer {
        self.follow(self.get(address).await).await
    }

    /// Fills in and sends the form of `page` that has the first of these fields, and does not follow.
    #[track_caller]
    pub fn submit(&self, page: &Answer, values: &[(&str, &str)]) -> impl Future<Output = Answer> {
        let form = page.form_with(values.first().expect("a field").0);
        assert_eq!(form.method, "post", "{form:?}");
        let fields = form.with(values);
        async move { self.post(&form.action, &fields).await }
    }

    /// Signs in on the login page outside of any flow.
    pub async fn sign_in(&self, username: &str, password: &str) -> Answer {
        let page = self.get("/login").await;
        let answer = self.submit(&page, &[("username", username), ("password", password)]).await;
        answer.assert_status(303);
        answer
    }

    /// Goes through the pages of a flow, signing in as this user and allowing what is asked, to the answer for the client.
    pub async fn finish(&self, first: Answer, username: &str) -> Answer {
        let mut answer = self.follow(first).await;
        for _ in 0..4 {
            if answer.status / 100 == 3 || answer.text().contains("data-submit") {
                return answer;
            }
            let asks_for_password = answer.forms().iter().any(|form| form.inputs.iter().any(|name| name == "password"));
            let next = if asks_for_password {
                self.submit(&answer, &[("username", username), ("password", super::app::PASSWORD)]).await
            } else {
                self.submit(&answer, &[("decision", "allow")]).await
            };
            answer = self.follow(next).await;
        }
        panic!("the flow does not end: {answer:?}");
    }

    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().expect("no panic while held").clone()
    }

    /// The value of the cookie whose name ends so, such as `session`.
    pub fn cookie(&self, ending: &str) -> Option<String> {
        let ending = format!("-{ending}");
        self.cookies().into_iter().find(|(name, _)| name.ends_with(&ending)).map(|(_, value)| value)
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("no panic while held").insert(name.to_owned(), value.to_owned());
    }

    /// Forgets the cookies whose names contain this text.
    pub fn forget(&self, part: &str) {
        self.cookies.lock().expect("no panic while held").retain(|name, _| !name.contains(part));
    }

    fn keep(&self, answer: &Answer) {
        let mut cookies = self.cookies.lock().expect("no panic while held");
        for line in answer.set_cookies() {
            let mut parts = line.split(';').map(str::trim);
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn origin(&self) -> &str {
        &self.issuer[..self.issuer.len() - self.path.len()]
    }

    fn is_ours(&self, location: &str) -> bool {
        location.starts_with('/')
            || [self.base.as_str(), self.origin()].iter().any(|origin| {
                location.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            })
    }

    /// Forms and redirects name paths with the issuer's path before them; tests leave it out.
    fn resolve(&self, address: &str) -> String {
        if let Some(rest) = address.strip_prefix(self.origin()) {
            return format!("{}{rest}", self.base);
        }
        if address.starts_with("http") {
            assert!(Url::parse(address).is_ok() && address.starts_with(&self.base), "{address} is elsewhere");
            return address.to_owned();
        }
        if address.starts_with(&format!("{}/", self.path)) && !self.path.is_empty() {
            return format!("{}{address}", self.base);
        }
        format!("{}{}{address}", self.base, self.path)
    }
}
