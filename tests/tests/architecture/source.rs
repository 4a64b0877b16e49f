//! The modules of a crate, read from its sources. Finds the file that defines a name.
//!
//! Code that is compiled for tests only is left out. Methods and fields are not names here: finding those needs a compiler.

use std::collections::{BTreeMap, HashMap};

use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// The sources of a crate: the path of each file below `src`, and its text.
pub(crate) type Sources = BTreeMap<String, String>;

/// A path as written, segment by segment. The first segment may be `crate`, `self` or `super`.
pub(crate) type Segments = Vec<String>;

/// One module, in a file of its own or inline.
pub(crate) struct Module {
    /// The file that holds it.
    pub(crate) file: String,
    /// The names of the modules from the root of the crate down to this one.
    pub(crate) path: Segments,
    /// The attributes and the visibility of its declaration. The root has none.
    pub(crate) declaration: Option<(Vec<Attribute>, Visibility)>,
    /// Its items, without the modules in it and without what is for tests.
    pub(crate) items: Vec<Item>,
    parent: Option<usize>,
    names: HashMap<String, Vec<Binding>>,
    globs: Vec<Segments>,
}

enum Binding {
    Module(usize),
    Item,
    Import(Segments),
}

/// The target of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A module of the crate.
    Module(usize),
    /// An item of the crate: the module that defines it, and its name there.
    Item(usize, String),
}

/// A crate's modules; the first is the root.
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>,
    /// The name that the crate gives itself, from `extern crate self as …`.
    alias: Option<String>,
}

impl Crate {
    /// Follows the `mod` items from `lib.rs`.
    pub(crate) fn of(sources: &Sources) -> Self {
        let mut this = Self {
            modules: Vec::new(),
            alias: None,
        };
        let root = syn::parse_file(&sources["lib.rs"]).expect("lib.rs is Rust");
        this.add(sources, "lib.rs", "", None, Vec::new(), root.items);
        this
    }

    /// Adds a module and those in it. `folder` is where the files of its modules are, with a `/` at its end unless empty.
    fn add(
        &mut self,
        sources: &Sources,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        path: Segments,
        items: Vec<Item>,
    ) -> usize {
        let index = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            path: path.clone(),
            declaration: None,
            items: Vec::new(),
            parent,
            names: HashMap::new(),
            globs: Vec::new(),
        });
        for item in items {
            if only_for_tests(item_attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let mut path = path.clone();
                    path.push(name.clone());
                    let inner = format!("{folder}{name}/");
                    let child = if let Some((_, items)) = module.content {
                        self.add(sources, file, &inner, Some(index), path, items)
                    } else {
                        let file = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")]
                            .into_iter()
                            .find(|file| sources.contains_key(file))
                            .unwrap_or_else(|| panic!("no file for the module {name} of {file}"));
                        let parsed = syn::parse_file(&sources[&file]).unwrap_or_else(|error| panic!("{file}: {error}"));
                        if only_for_tests(&parsed.attrs) {
                            continue;
                        }
                        self.add(sources, &file, &inner, Some(index), path, parsed.items)
                    };
                    self.modules[child].declaration = Some((module.attrs, module.vis));
                    self.bind(index, name, Binding::Module(child));
                    continue;
                }
                Item::ExternCrate(ref item) if item.ident == "self" => {
                    self.alias = item.rename.as_ref().map(|(_, name)| name.to_string());
                }
                Item::Use(ref item) => {
                    for import in imports(&item.tree) {
                        match import.name {
                            Some(name) => self.bind(index, name, Binding::Import(import.path)),
                            None => self.modules[index].globs.push(import.path),
                        }
                    }
                }
                ref item => {
                    if let Some(name) = item_name(item) {
                        self.bind(index, name, Binding::Item);
                    }
                }
            }
            self.modules[index].items.push(item);
        }
        index
    }

    fn bind(&mut self, module: usize, name: String, binding: Binding) {
        self.modules[module].names.entry(name).or_default().push(binding);
    }

    /// Whether a module is another one, or below it.
    pub(crate) fn is_within(&self, module: usize, ancestor: usize) -> bool {
        self.modules[module].path.starts_with(&self.modules[ancestor].path)
    }

    /// The targets of a path in a module: none if the path is local, or names another crate.
    ///
    /// Follows imports and re-exports. A name that a macro generates counts as an item of the module that the path names.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<Found> {
        self.follow(module, path, &mut Vec::new())
    }

    fn follow(&self, module: usize, path: &[String], asked: &mut Vec<(usize, String)>) -> Vec<Found> {
        let Some(first) = path.first() else {
            return Vec::new();
        };
        let (mut start, mut rest) = match first.as_str() {
            "crate" => (0, &path[1..]),
            "self" => (module, &path[1..]),
            "super" => (module, path),
            name => {
                let found = self.look_up(module, name, asked);
                if found.is_empty() && Some(name) == self.alias.as_deref() {
                    return self.descend(vec![Found::Module(0)], &path[1..], asked);
                }
                return self.descend(found, &path[1..], asked);
            }
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            start = self.modules[start].parent.expect("`super` stays in the crate");
            rest = &rest[1..];
        }
        self.descend(vec![Found::Module(start)], rest, asked)
    }

    fn descend(&self, found: Vec<Found>, rest: &[String], asked: &mut Vec<(usize, String)>) -> Vec<Found> {
        let Some(name) = rest.first() else {
            return found;
        };
        let modules = found.iter().filter_map(|found| match found {
            Found::Module(module) => Some(*module),
            Found::Item(..) => None,
        });
        let modules: Vec<_> = modules.collect();
        if modules.is_empty() {
            // The rest is about the item: a variant, or an associated item.
            return found;
        }
        let mut all = Vec::new();
        for module in modules {
            let inner = self.look_up(module, name, asked);
            if inner.is_empty() && !asked.contains(&(module, name.clone())) {
                all.push(Found::Item(module, name.clone()));
            } else {
                all.extend(self.descend(inner, &rest[1..], asked));
            }
        }
        all
    }

    fn look_up(&self, module: usize, name: &str, asked: &mut Vec<(usize, String)>) -> Vec<Found> {
        let question = (module, name.to_owned());
        if asked.contains(&question) {
            return Vec::new();
        }
        asked.push(question);
        let mut found = Vec::new();
        let this = &self.modules[module];
        for binding in this.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Module(module) => found.push(Found::Module(*module)),
                Binding::Item => found.push(Found::Item(module, name.to_owned())),
                Binding::Import(path) => found.extend(self.follow(module, path, asked)),
            }
        }
        if found.is_empty() {
            for glob in &this.globs {
                for target in self.follow(module, glob, asked) {
                    if let Found::Module(target) = target {
                        found.extend(self.look_up(target, name, asked));
                    }
                }
            }
        }
        asked.pop();
        found
    }
}

/// One name that a `use` brings in; a glob has none.
pub(crate) struct Import {
    pub(crate) name: Option<String>,
    pub(crate) path: Segments,
}

/// Every name of a `use` tree.
pub(crate) fn imports(tree: &UseTree) -> Vec<Import> {
    fn walk(tree: &UseTree, path: &Segments, imports: &mut Vec<Import>) {
        let with = |segment: &syn::Ident| [path.clone(), vec![segment.to_string()]].concat();
        let mut import = |name: String, path: Segments| {
            imports.push(Import { name: Some(name), path });
        };
        match tree {
            UseTree::Path(inner) => walk(&inner.tree, &with(&inner.ident), imports),
            UseTree::Name(name) if name.ident == "self" && !path.is_empty() => {
                import(path[path.len() - 1].clone(), path.clone());
            }
            UseTree::Name(name) => import(name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(rename) if rename.ident == "self" && !path.is_empty() => {
                import(rename.rename.to_string(), path.clone());
            }
            UseTree::Rename(rename) => import(rename.rename.to_string(), with(&rename.ident)),
            UseTree::Glob(_) => imports.push(Import {
                name: None,
                path: path.clone(),
            }),
            UseTree::Group(group) => {
                for tree in &group.items {
                    walk(tree, path, imports);
                }
            }
        }
    }
    let mut all = Vec::new();
    walk(tree, &Vec::new(), &mut all);
    all
}

/// Whether a `use` passes on what it imports.
pub(crate) fn is_re_export(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

/// Whether the attributes compile code for tests only.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        let inner = || {
            let Meta::List(list) = condition else {
                return Vec::new();
            };
            let parser = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
            let inner = list.parse_args_with(parser).expect("conditions");
            inner.into_iter().collect::<Vec<_>>()
        };
        let path = condition.path();
        if path.is_ident("all") {
            inner().iter().any(needs_test)
        } else if path.is_ident("any") {
            let inner = inner();
            !inner.is_empty() && inner.iter().all(needs_test)
        } else {
            path.is_ident("test") || path.is_ident("doctest")
        }
    }
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg") && needs_test(&attribute.parse_args::<Meta>().expect("one condition")))
    })
}

/// The attributes of an item.
pub(crate) fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines in the namespaces of types, values or macros.
pub(crate) fn item_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
