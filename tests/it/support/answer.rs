//! An answer of the server, whole: status, headers, body.

use reqwest::header::HeaderMap;
use scraper::{Html, Selector};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// An answer that was read to its end.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The address that was asked.
    pub url: String,
}

/// A form of a page: where it goes, and what its hidden fields hold.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub method: String,
    /// Hidden fields, in the order of the page.
    pub fields: Vec<(String, String)>,
    /// The names of the inputs that a person fills in.
    pub inputs: Vec<String>,
    /// Names and values of the buttons.
    pub buttons: Vec<(String, String)>,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers, url) =
            (response.status().as_u16(), response.headers().clone(), response.url().to_string());
        let body = response.bytes().await.expect("a whole body").to_vec();
        Self { status, headers, body, url }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The one value of a header; empty where it is missing.
    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        let values = self.headers(name);
        assert!(values.len() <= 1, "{name} stands {} times: {self:?}", values.len());
        values.into_iter().next().unwrap_or_default()
    }

    pub fn headers(&self, name: &str) -> Vec<String> {
        self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    pub fn location(&self) -> Option<String> {
        self.headers("location").into_iter().next()
    }

    /// Everything of it as one text, to look for what must not be there.
    pub fn whole(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        format!("{}\n{headers}\n{}", self.status, self.text())
    }

    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// An OAuth error as JSON (RFC 6749 §5.2) with this status and code.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) -> &Self {
        self.assert_status(status);
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.json()["error"], code, "{self:?}");
        self.assert_no_store()
    }

    #[track_caller]
    pub fn assert_no_store(&self) -> &Self {
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        self
    }

    /// A page for people with this status.
    #[track_caller]
    pub fn assert_page(&self, status: u16) -> &Self {
        self.assert_status(status);
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8", "{self:?}");
        assert!(self.location().is_none(), "{self:?}");
        self.assert_no_store()
    }

    /// The reference that a refusal shows: on a page, in a redirect's `error_description`, or in JSON.
    #[track_caller]
    pub fn reference(&self) -> String {
        let text = match self.location() {
            Some(location) => location,
            None => self.text() + &self.header("www-authenticate"),
        };
        find_reference(&text).unwrap_or_else(|| panic!("no reference in {self:?}"))
    }

    pub fn find_reference(&self) -> Option<String> {
        find_reference(
            &(self.text() + &self.location().unwrap_or_default() + &self.headers("www-authenticate").concat()),
        )
    }

    /// The parameters of the query of a redirect.
    #[track_caller]
    pub fn query(&self) -> BTreeMap<String, String> {
        let location = self.location().unwrap_or_else(|| panic!("no redirect: {self:?}"));
        let url = Url::parse(&location).unwrap_or_else(|error| panic!("{location}: {error}"));
        pairs(url.query().unwrap_or_default())
    }

    /// The parameters of the fragment of a redirect.
    #[track_caller]
    pub fn fragment(&self) -> BTreeMap<String, String> {
        let location = self.location().unwrap_or_else(|| panic!("no redirect: {self:?}"));
        pairs(location.split_once('#').unwrap_or_else(|| panic!("no fragment: {location}")).1)
    }

    /// The forms of a page.
    pub fn forms(&self) -> Vec<Form> {
        let html = Html::parse_document(&self.text());
        let select = |selector: &str| Selector::parse(selector).expect("our own selector");
        let attribute =
            |element: scraper::ElementRef<'_>, name: &str| element.attr(name).unwrap_or_default().to_owned();
        html.select(&select("form"))
            .map(|form| {
                let mut fields = Vec::new();
                let mut inputs = Vec::new();
                for input in form.select(&select("input")) {
                    let name = attribute(input, "name");
                    if name.is_empty() {
                        continue;
                    }
                    match input.attr("type") {
                        Some("hidden") => fields.push((name, attribute(input, "value"))),
                        _ => inputs.push(name),
                    }
                }
                let buttons = form
                    .select(&select("button[name]"))
                    .map(|button| (attribute(button, "name"), attribute(button, "value")))
                    .collect();
                let (action, method) = (attribute(form, "action"), attribute(form, "method"));
                Form { action, method, fields, inputs, buttons }
            })
            .collect()
    }

    /// The form that has this input or button.
    #[track_caller]
    pub fn form_with(&self, name: &str) -> Form {
        let has = |form: &Form| {
            form.inputs.iter().any(|input| input == name)
                || form.buttons.iter().any(|(button, _)| button == name)
                || form.fields.iter().any(|(field, _)| field == name)
        };
        self.forms().into_iter().find(has).unwrap_or_else(|| panic!("no form with {name}: {self:?}"))
    }

    /// The texts of the elements that a selector names.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text());
        let selector = Selector::parse(selector).expect("our own selector");
        html.select(&selector).map(|element| element.text().collect::<String>().trim().to_owned()).collect()
    }

    /// The cookies that it sets, as they stand in the headers.
    pub fn set_cookies(&self) -> Vec<String> {
        self.headers("set-cookie")
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "answer of {}", self.url)?;
        f.write_str(&self.whole())
    }
}

impl Form {
    /// The value of a hidden field.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        &found.unwrap_or_else(|| panic!("no hidden field {name}: {self:?}")).1
    }

    /// What a browser sends: the hidden fields, with `values` over and beyond them.
    pub fn with(&self, values: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        fields.retain(|(name, _)| values.iter().all(|(other, _)| name != other));
        fields.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let before = map.insert(name.clone().into_owned(), value.into_owned());
        assert!(before.is_none(), "{name} stands twice in {text}");
    }
    map
}

fn find_reference(text: &str) -> Option<String> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    let bytes = text.as_bytes();
    let found = bytes.windows(9).enumerate().find(|(at, window)| {
        window[4] == b'-'
            && window[..4].iter().all(is_digit)
            && window[5..].iter().all(is_digit)
            && (*at == 0 || !bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'-')
            && bytes.get(at + 9).is_none_or(|after| !after.is_ascii_alphanumeric() && *after != b'-')
    });
    found.map(|(_, window)| String::from_utf8_lossy(window).into_owned())
}
