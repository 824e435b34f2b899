//! The treemap as a picture, in SVG 1.1. Where tiles go is [`treemap`](super::treemap)'s business.
//!
//! It has no scripts, loads nothing and has no background, and the same initrd gives the same bytes. Names are text of
//! whoever made the image: they are escaped.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::{Item, Rect, Share, Sizes, Tile, TileKind, tiles};
use crate::digest::Sha256;
use crate::path::GuestPath;

/// The initrd that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Its digest.
    pub sha256: Sha256,
    /// Its size as it is packed, in bytes.
    pub size: u64,
}

/// Hundredths of a pixel in one.
const PIXEL: u64 = 100;
/// The map, in hundredths of a pixel; the legend is below it.
const MAP: Rect = Rect { x: 0, y: 0, width: 1200 * PIXEL, height: 760 * PIXEL };

/// Fills that dark text is read on, and that are told apart without seeing red or green; the first is the root's.
const FILLS: [&str; 10] = [
    "#c9c9c9", "#8ec7f2", "#f6c46b", "#7fd1ae", "#f2a58a", "#c9b3ea", "#e8e07a", "#f3b6d2", "#9fd6d2",
    "#d3b795",
];
/// Of the legend's text: it is read on white and on black.
const NEUTRAL: &str = "#777777";
/// Of text in tiles, and of edges.
const DARK: &str = "#1a1a1a";

/// Least part of all that gets a colour of its own, in tenths of a percent.
const COLOURED_MIN: u64 = 20;
/// Directories this deep have an edge around them.
const EDGES: usize = 3;

/// Room around all, in pixels.
const MARGIN: u64 = 10;
/// Height of text, in pixels.
const FONT: u64 = 12;
/// Width of one of its characters, in hundredths of a pixel: 0.6 of the height in most monospace fonts, and some more.
const CHARACTER: u64 = 740;
/// A line of the legend, in pixels.
const LINE: u64 = 22;
/// Lines of the legend in one column.
const COLUMN: u64 = 5;

/// Draws `sizes` of `subject`.
pub fn svg(sizes: &Sizes, subject: Subject) -> String {
    let colours = Colours::new(&sizes.root);
    let tiles = tiles(&sizes.root, MAP);
    let width = MAP.width / PIXEL + 2 * MARGIN;
    let height = MAP.height / PIXEL + LINE * (COLUMN + 1) + LINE / 2 + 2 * MARGIN;
    let mut out = Svg(String::new());
    out.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"-{MARGIN} -{MARGIN} \
         {width} {height}\" font-family=\"monospace\" font-size=\"{FONT}\">"
    ));
    out.line(&format!("<title>Sizes of the initrd {}</title>", subject.sha256));
    out.line(&format!("<g stroke=\"{DARK}\" stroke-width=\"0.5\">"));
    for tile in tiles.iter().filter(|tile| tile.kind != TileKind::Open) {
        out.rect(tile, &format!("fill=\"{}\"", colours.of(tile.path)));
    }
    out.line("</g>");
    out.line(&format!("<g fill=\"none\" stroke=\"{DARK}\" pointer-events=\"none\">"));
    for tile in tiles.iter().filter(|tile| tile.kind == TileKind::Open && tile.depth <= EDGES) {
        out.rect(tile, &format!("stroke-width=\"{}\"", EDGES + 1 - tile.depth));
    }
    out.line("</g>");
    out.line(&format!("<g fill=\"{DARK}\" pointer-events=\"none\">"));
    for tile in &tiles {
        out.label(tile);
    }
    out.line("</g>");
    out.legend(sizes, subject, &colours);
    out.line("</svg>");
    out.0
}

/// Which directory has which fill: the largest ones, and what is left of the directories around them.
struct Colours<'a> {
    /// Directories with the place of their fill and what is drawn in it, in bytes.
    groups: BTreeMap<&'a GuestPath, (usize, u64)>,
}

impl<'a> Colours<'a> {
    /// For the tree below `root`: as long as there are fills, the directory with most bytes in its fill gives up its
    /// largest directory.
    fn new(root: &'a Item) -> Self {
        let mut groups = BTreeMap::from([(&root.path, (0, root.weight.bytes))]);
        let mut open = vec![root];
        for fill in 1..FILLS.len() {
            let candidates = open.iter().flat_map(|item| item.children()).filter(|child| {
                !child.children().is_empty()
                    && !groups.contains_key(&child.path)
                    && Share::new(child.weight.bytes, root.weight.bytes).tenths() >= COLOURED_MIN
            });
            let around = |child: &Item| {
                let parent = child.path.parent()?;
                groups.get(&parent).map(|(_, bytes)| *bytes)
            };
            let best =
                candidates.max_by_key(|child| (around(child), child.weight.bytes, Reverse(&child.path)));
            let Some(child) = best else { break };
            let parent = child.path.parent();
            if let Some(group) = parent.as_ref().and_then(|parent| groups.get_mut(parent)) {
                group.1 -= child.weight.bytes;
            }
            groups.insert(&child.path, (fill, child.weight.bytes));
            open.push(child);
        }
        Self { groups }
    }

    /// The fill of what is at `path`: its nearest directory's.
    fn of(&self, path: &GuestPath) -> &'static str {
        let mut here = Some(path.clone());
        while let Some(path) = here {
            if let Some((fill, _)) = self.groups.get(&path) {
                return FILLS.get(*fill).copied().unwrap_or(NEUTRAL);
            }
            here = path.parent();
        }
        NEUTRAL
    }
}

/// The picture as far as it is written.
struct Svg(String);

impl Svg {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A tile with its name and bytes, which viewers show when it is pointed at.
    fn rect(&mut self, tile: &Tile<'_>, attributes: &str) {
        let Rect { x, y, width, height } = tile.rect;
        let place = [("x", x), ("y", y), ("width", width), ("height", height)];
        let place = place.map(|(name, value)| format!("{name}=\"{}\"", Pixels(value))).join(" ");
        let files = |count| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let what = match tile.kind {
            TileKind::File => tile.path.to_string(),
            TileKind::Open => directory(tile.path),
            TileKind::Closed(count) => format!("{}: {}", directory(tile.path), files(count)),
            TileKind::Rest(count) => format!("{}: {} more", directory(tile.path), files(count)),
        };
        let words = format!("{}, {} bytes", Escaped(&what), tile.bytes);
        self.line(&format!("<rect {place} {attributes}><title>{words}</title></rect>"));
    }

    /// The name of what a tile is, as much as there is room for, and its size below.
    fn label(&mut self, tile: &Tile<'_>) {
        let name = match tile.kind {
            TileKind::File => tile.path.file_name().to_owned(),
            TileKind::Closed(_) => format!("{}/", tile.path.file_name()),
            TileKind::Open | TileKind::Rest(_) => return,
        };
        let Rect { x, y, width, height } = tile.rect;
        let room = width.saturating_sub(6 * PIXEL) / CHARACTER;
        let Some(name) = cut(&name, room).filter(|_| height >= (FONT + 4) * PIXEL) else { return };
        self.text(x + 4 * PIXEL, y + (FONT + 1) * PIXEL, &name);
        let size = Binary(tile.bytes).to_string();
        let fits = u64::try_from(size.len()).is_ok_and(|len| len <= room);
        if fits && height >= (2 * FONT + 8) * PIXEL {
            self.text(x + 4 * PIXEL, y + (2 * FONT + 4) * PIXEL, &size);
        }
    }

    /// What the fills mean, and what the picture is of.
    fn legend(&mut self, sizes: &Sizes, subject: Subject, colours: &Colours<'_>) {
        let whole = sizes.root.weight;
        let mut groups: Vec<_> = colours.groups.iter().filter(|(_, (_, bytes))| *bytes > 0).collect();
        groups.sort_by_key(|(path, (_, bytes))| (Reverse(*bytes), **path));
        self.line(&format!("<g fill=\"{NEUTRAL}\">"));
        for (number, (path, (_, bytes))) in (0_u64..).zip(groups) {
            let x = number / COLUMN * MAP.width / 2;
            let y = MAP.height + LINE * PIXEL * (number % COLUMN + 1);
            let fill = colours.of(path);
            let (left, top) = (Pixels(x), Pixels(y - FONT * PIXEL));
            self.line(&format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"14\" height=\"14\" fill=\"{fill}\" \
                 stroke=\"{DARK}\" stroke-width=\"0.5\"><title>{}, {bytes} bytes</title></rect>",
                Escaped(&directory(path))
            ));
            let size = format!("{:>10} {:>6}  ", Binary(*bytes), Share::new(*bytes, whole.bytes));
            self.text(x + 22 * PIXEL, y, &format!("{size}{}", cut(&directory(path), 56).unwrap_or_default()));
        }
        let files = whole.files;
        let y = MAP.height + LINE * PIXEL * (COLUMN + 1) + LINE * PIXEL / 2;
        let words = format!(
            "{} in {files} files, unpacked; the initrd has {}. A directory here is without those with a colour of their own.",
            Binary(whole.bytes),
            Binary(subject.size)
        );
        self.text(0, y, &words);
        self.line("</g>");
    }

    /// A line of text; spaces stay.
    fn text(&mut self, x: u64, y: u64, text: &str) {
        let (x, y) = (Pixels(x), Pixels(y));
        self.line(&format!("<text x=\"{x}\" y=\"{y}\" xml:space=\"preserve\">{}</text>", Escaped(text)));
    }
}

/// Hundredths of a pixel, as a decimal number.
struct Pixels(u64);

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / PIXEL, self.0 % PIXEL) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

/// Bytes in the largest unit that they fill, with one decimal, rounded down.
struct Binary(u64);

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let text = match units.iter().find(|(_, shift)| self.0 >> shift > 0) {
            None => format!("{} B", self.0),
            Some((unit, shift)) => {
                let tenths = (u128::from(self.0) * 10) >> shift;
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            }
        };
        f.pad(&text)
    }
}

/// Characters that turn the direction of text around (Unicode Standard Annex #9).
const TURNS: [char; 11] = [
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Text between the tags of XML 1.0. What XML can't hold, and what turns the direction of text around, is shown by its
/// number.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') || TURNS.contains(&c) => {
                write!(f, "{}", c.escape_unicode())
            }
            c => f.write_char(c),
        })
    }
}

/// A directory's name with a `/` at its end.
fn directory(path: &GuestPath) -> String {
    if path.is_root() { path.to_string() } else { format!("{path}/") }
}

/// As much of `text` as is seen in `room` characters, with an ellipsis if that is not all; none if that says nothing.
/// What is not ASCII may be twice as wide.
fn cut(text: &str, room: u64) -> Option<String> {
    let wide = |c: char| if c.is_ascii() { 1 } else { 2 };
    if text.chars().map(wide).sum::<u64>() <= room {
        return Some(text.to_owned());
    }
    let room = room.checked_sub(2).filter(|room| *room >= 3)?;
    let mut used = 0;
    let start = text.chars().take_while(|c| {
        used += wide(*c);
        used <= room
    });
    Some(start.chain(['\u{2026}']).collect())
}
