//! Which characters of a text from outside a reader cannot see.

/// Whether a character is a control, a separator of lines, or a format character (the categories Cc, Zl, Zp and Cf of
/// Unicode), which hides in a name or turns the reading direction of what stands around it. The joiners U+200C and
/// U+200D are left out, because Persian, Hindi and other languages are written with them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn controls_and_format_characters_are_hidden_and_joiners_are_not() {
        for c in ['\0', '\n', '\u{7f}', '\u{9f}', '\u{ad}', '\u{200b}', '\u{200f}', '\u{2028}', '\u{202e}', '\u{2066}']
        {
            assert!(is_hidden(c), "{c:?}");
        }
        assert!(['\u{feff}', '\u{e0041}', '\u{2060}', '\u{61c}'].into_iter().all(is_hidden));
        assert!(!"A ü가हि\u{200c}\u{200d}🔑".chars().any(is_hidden));
    }
}
