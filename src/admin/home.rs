//! The start page of the administrators: what there is.

use crate::ui::Page;
use crate::web::answer::page;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Serialize)]
struct AdminPage {}

impl Page for AdminPage {
    const TEMPLATE: &'static str = "pages/admin.html";
}

/// `GET /admin`
pub async fn get(edge: Edge) -> HttpResponse {
    page::show(&edge, &AdminPage {})
}
