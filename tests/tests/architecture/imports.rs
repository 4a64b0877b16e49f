//! The import graph: which names each file or module imports from each other one.
//!
//! An arrow goes to the file that defines the name, however many re-exports lie between. Declaring a module is not an
//! arrow, nor is re-exporting something from below.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, ItemUse, Meta, Stmt};

use super::source::{Crate, Found, Segments, imports, is_re_export, item_attributes, only_for_tests};

/// From each node to each node that it imports from, the names that it imports.
pub(crate) type Graph = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Macros that write code for another crate: paths in them are not of this crate.
const TEMPLATES: [&str; 4] = ["quote", "quote_spanned", "parse_quote", "parse_quote_spanned"];

/// The imports between files. Each file is a node, also one without imports.
pub(crate) fn between_files(source: &Crate) -> Graph {
    graph(source, |module| Some(source.modules[module].file.clone()))
}

/// The imports between the modules below the root. Each module is a node, also one without imports.
pub(crate) fn between_modules(source: &Crate) -> Graph {
    // An inline module of the root, as `prelude`, is part of the root.
    graph(source, |module| {
        let module = &source.modules[module];
        (module.file != source.modules[0].file).then(|| module.path[0].clone())
    })
}

fn graph(source: &Crate, node: impl Fn(usize) -> Option<String>) -> Graph {
    let mut graph = Graph::new();
    for module in 0..source.modules.len() {
        let Some(from) = node(module) else {
            continue;
        };
        let imports = graph.entry(from.clone()).or_default();
        for (target, name) in of_module(source, module) {
            if let Some(to) = node(target)
                && to != from
            {
                imports.entry(to).or_default().insert(name);
            }
        }
    }
    graph
}

/// The items that a module imports: the module that defines each, and its name.
fn of_module(source: &Crate, module: usize) -> BTreeSet<(usize, String)> {
    let mut reader = Reader {
        source,
        module,
        blocks: Vec::new(),
        imported: BTreeSet::new(),
    };
    for item in &source.modules[module].items {
        reader.visit_item(item);
    }
    reader.imported
}

/// Walks the code of one module and notes the items that it names.
struct Reader<'source> {
    source: &'source Crate,
    module: usize,
    /// The imports of the blocks around the present place, outermost first.
    blocks: Vec<HashMap<String, Segments>>,
    imported: BTreeSet<(usize, String)>,
}

impl Reader<'_> {
    fn name(&mut self, path: &[String]) {
        let mut full = path.to_vec();
        if let Some(import) = self.blocks.iter().rev().find_map(|block| block.get(&path[0])) {
            full = [import, &path[1..]].concat();
        }
        for found in self.source.resolve(self.module, &full) {
            if let Found::Item(module, name) = found {
                self.imported.insert((module, name));
            }
        }
    }

    /// Paths in tokens that nothing has parsed: the input of a macro, or of an attribute.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_punctuation = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punctuation)) if punctuation.as_char() == wanted);
        let is_separator = |at: usize| is_punctuation(at, ':') && is_punctuation(at + 1, ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => self.path_in_text(&literal.to_string()),
                TokenTree::Ident(first) => {
                    let before = at.checked_sub(1);
                    // A method or field, a lifetime, or a path of another crate.
                    let is_other = before.is_some_and(|before| {
                        is_punctuation(before, '\'')
                            || (is_punctuation(before, '.')
                                && !before.checked_sub(1).is_some_and(|at| is_punctuation(at, '.')))
                            || (before > 0 && is_separator(before - 1))
                    });
                    let mut path = vec![first.to_string()];
                    while is_separator(at + 1)
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 3)
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    let is_type = path[0].starts_with(char::is_uppercase);
                    let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
                    if !is_other && (path.len() > 1 || is_type || is_call) {
                        self.name(&path);
                    }
                }
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    /// A path in a string, such as `#[serde(with = "super::text")]`.
    fn path_in_text(&mut self, literal: &str) {
        if let Some(text) = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
            && text.contains("::")
            && let Ok(path) = syn::parse_str::<syn::Path>(text)
        {
            self.visit_path(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_for_tests(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(&item.tree) {
            if import.name.is_none() {
                continue;
            }
            for found in self.source.resolve(self.module, &import.path) {
                if let Found::Item(module, name) = found {
                    let from_below = module != self.module && self.source.is_within(module, self.module);
                    if !(is_re_export(&item.vis) && from_below) {
                        self.imported.insert((module, name));
                    }
                }
            }
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let mut names = HashMap::new();
        for statement in &block.stmts {
            if let Stmt::Item(Item::Use(item)) = statement {
                for import in imports(&item.tree) {
                    names.extend(import.name.map(|name| (name, import.path)));
                }
            }
        }
        self.blocks.push(names);
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !matches!(statement, Stmt::Local(local) if only_for_tests(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !only_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments: Segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.name(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let is_template = TEMPLATES.iter().any(|template| called.path.is_ident(template));
        if !is_template {
            self.tokens(called.tokens.clone());
        }
        visit::visit_path(self, &called.path);
    }
}
