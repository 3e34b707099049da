//! `/openapi.json`: what there is to ask for, as a document that programs read. Kept by hand beside the routes.

use super::Answer;

const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn show() -> Answer {
    Answer::Text("application/json", DOCUMENT.replace("{version}", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::agent::api::route::ROUTES;

    fn document() -> oas3::Spec {
        oas3::from_json(DOCUMENT.replace("{version}", "1.2.3")).unwrap()
    }

    #[test]
    fn the_document_is_valid_openapi_3_1() {
        assert_eq!(document().validate_version().unwrap().to_string(), "3.1.1");
    }

    #[test]
    fn the_document_describes_every_route_and_nothing_else() {
        let document = document();
        let described: BTreeSet<String> =
            document.operations().map(|(path, method, _)| format!("{method} {path}")).collect();
        let routes: BTreeSet<String> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, routes);
    }
}
