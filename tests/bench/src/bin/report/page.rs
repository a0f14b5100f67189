//! The part of the page that the report writes.

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->\n";

/// Returns the page with this section between its markers.
///
/// # Errors
///
/// If the page has not each marker once, in this order.
pub(crate) fn with_section(page: &str, section: &str) -> Result<String, String> {
    for marker in [BEGIN, END] {
        let count = page.matches(marker).count();
        if count != 1 {
            return Err(format!("the page has the line `{}` {count} times: it must have it once", marker.trim_end()));
        }
    }
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("the markers of the page are not in order: put `begin` before `end`")?;
    Ok(format!("{before}{BEGIN}\n{}\n\n{END}{after}", section.trim()))
}
