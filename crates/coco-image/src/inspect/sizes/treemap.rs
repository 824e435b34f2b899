//! A picture of sizes: a rectangle an item, its area as large as its bytes. Where they go, not how they look.
//!
//! The rows are "squarified": Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000). Edges are whole numbers, each
//! computed from the sum of all weights before it, so that neither gaps nor overlaps come of rounding.

use super::{Held, Item};
use crate::path::GuestPath;

/// A rectangle; all numbers are hundredths of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// The left edge.
    pub x: u64,
    /// The upper edge.
    pub y: u64,
    /// From left to right.
    pub width: u64,
    /// From the upper edge down.
    pub height: u64,
}

/// A rectangle with what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile<'a> {
    /// Where it is.
    pub rect: Rect,
    /// What it stands for, or the directory of what it stands for.
    pub path: &'a GuestPath,
    /// How large that is, in bytes.
    pub bytes: u64,
    /// What it is.
    pub kind: TileKind,
    /// How many directories are around it.
    pub depth: usize,
}

/// What a [`Tile`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// A file.
    File,
    /// A directory with this many files, which are too small to be shown.
    Closed(u64),
    /// A directory; what is in it is drawn over it.
    Open,
    /// All that is too small to be shown in a directory: this many files.
    Rest(u64),
}

/// Least area of what is shown, in hundredths of a pixel, squared: 16 pixels.
const SHOWN_MIN: u128 = 16 * 100 * 100;

/// Most that weights are counted to when the form of a row is judged: products of them stay within 128 bits.
const JUDGED_MAX: u64 = 1 << 20;

impl Rect {
    fn area(self) -> u128 {
        u128::from(self.width) * u128::from(self.height)
    }
}

/// The tiles of `root` within `area`: a directory before what is in it.
pub fn tiles(root: &Item, area: Rect) -> Vec<Tile<'_>> {
    let mut tiles = Vec::new();
    let mut stack = vec![(root, area, 0)];
    while let Some((item, rect, depth)) = stack.pop() {
        let Item { path, weight, held } = item;
        let tile = |kind| Tile { rect, path, bytes: weight.bytes, kind, depth };
        let Held::Directory(children) = held else {
            tiles.push(tile(TileKind::File));
            continue;
        };
        // Largest first, so what is shown is a prefix.
        let is_shown = |child: &&Item| {
            rect.area() * u128::from(child.weight.bytes) >= SHOWN_MIN * u128::from(weight.bytes.max(1))
        };
        let shown: Vec<&Item> = children.iter().take_while(is_shown).collect();
        if shown.is_empty() {
            tiles.push(tile(TileKind::Closed(weight.files)));
            continue;
        }
        tiles.push(tile(TileKind::Open));
        let rest = children.get(shown.len()..).unwrap_or_default().iter().map(|child| child.weight);
        let rest: super::Weight = rest.sum();
        let weights: Vec<u64> = shown.iter().map(|child| child.weight.bytes).chain([rest.bytes]).collect();
        let mut rects = layout(rect, &weights).into_iter();
        stack.extend(shown.into_iter().zip(rects.by_ref()).map(|(child, rect)| (child, rect, depth + 1)));
        if let Some(rect) = rects.next().filter(|_| rest.bytes > 0) {
            let kind = TileKind::Rest(rest.files);
            tiles.push(Tile { rect, path, bytes: rest.bytes, kind, depth: depth + 1 });
        }
    }
    tiles
}

/// Divides `area` into rectangles whose areas are to each other as `weights`, in their order, as square as they get
/// when the weights are sorted. Edges are rounded down; what weighs nothing has no area.
pub fn layout(area: Rect, weights: &[u64]) -> Vec<Rect> {
    let mut rects = Vec::with_capacity(weights.len());
    let mut free = area;
    let mut rest = weights;
    while !rest.is_empty() {
        let whole: u64 = rest.iter().sum();
        let (row, others) = rest.split_at_checked(row(free, rest, whole)).unwrap_or((rest, &[]));
        let in_row: u64 = row.iter().sum();
        let is_wide = free.width >= free.height;
        let thick = part(free.width.max(free.height), in_row, whole);
        let mut before = 0;
        for weight in row {
            let short = free.width.min(free.height);
            let (from, to) = (part(short, before, in_row), part(short, before + weight, in_row));
            rects.push(if is_wide {
                Rect { x: free.x, y: free.y + from, width: thick, height: to - from }
            } else {
                Rect { x: free.x + from, y: free.y, width: to - from, height: thick }
            });
            before += weight;
        }
        if is_wide {
            free = Rect { x: free.x + thick, width: free.width - thick, ..free };
        } else {
            free = Rect { y: free.y + thick, height: free.height - thick, ..free };
        }
        rest = others;
    }
    rects
}

/// How many of `weights`, whose sum is `whole`, make the next row along the shorter side of `free`: at least one,
/// and more as long as that makes the worst of them more like a square.
fn row(free: Rect, weights: &[u64], whole: u64) -> usize {
    // Only looks depend on this, so large weights may be counted in larger units.
    let unit = whole.div_ceil(JUDGED_MAX).max(1);
    let long = u128::from(free.width.max(free.height));
    let whole_and_short = u128::from(whole / unit) * u128::from(free.width.min(free.height));
    let (mut sum, mut least, mut most) = (0, u128::MAX, 0);
    let mut best: Option<(u128, u128)> = None;
    let mut len = 0;
    for weight in weights {
        let weight = u128::from((weight / unit).max(1));
        (sum, least, most) = (sum + weight, least.min(weight), most.max(weight));
        // Thickness by length is long * sum^2 : whole * short * weight.
        let worst = [least, most]
            .map(|weight| {
                let (a, b) = (long * sum * sum, whole_and_short * weight);
                (a.max(b), a.min(b))
            })
            .into_iter()
            .reduce(|a, b| if is_squarer(a, b) { b } else { a });
        match (best, worst) {
            (Some(best), Some(worst)) if is_squarer(best, worst) => break,
            _ => best = worst,
        }
        len += 1;
    }
    len
}

/// Whether a side by the other of `a` is less than of `b`; each has the longer side first.
fn is_squarer(a: (u128, u128), b: (u128, u128)) -> bool {
    a.0 * b.1 < b.0 * a.1
}

/// `length * weight / whole`, rounded down; all of nothing is nothing.
fn part(length: u64, weight: u64, whole: u64) -> u64 {
    let product = u128::from(length) * u128::from(weight);
    u64::try_from(product.checked_div(u128::from(whole)).unwrap_or(0)).unwrap_or(length)
}
