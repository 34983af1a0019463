//! The syntax of a cell to what it imports, installs, runs and adds to the path of modules.

use nbvet_notebook::Notebook;
use nbvet_report::Location;
use ruff_python_ast::{
    ExceptHandler, Expr, ExprCall, IpyEscapeKind, Stmt, StmtIf, StmtImportFrom, StmtTry,
    visitor::{self, Visitor},
};
use ruff_text_size::{Ranged, TextRange};

use super::{Form, Import, Install, Tool, Wanted, When, command};
use crate::{ast::with_stack, beside::run_target, parse::ParsedCell};

/// Extensions that IPython itself has.
const OWN_EXTENSIONS: &[&str] = &["autoreload", "storemagic", "deduperreload"];

/// What was found in one file, before its modules are looked for.
#[derive(Default)]
pub(super) struct Found {
    pub(super) imports: Vec<Raw>,
    pub(super) installs: Vec<Install>,
    /// Files that it runs: `%run helpers.py`.
    pub(super) runs: Vec<String>,
    /// Folders that it adds to `sys.path`, as it writes them.
    pub(super) paths: Vec<String>,
    /// Files that its cells write, and what they write: `%%writefile helpers.py`.
    pub(super) written: Vec<(String, String)>,
}

/// An import as it is written.
pub(super) struct Raw {
    pub(super) import: Import,
    /// Dots before the module's name.
    pub(super) level: u32,
}

impl Found {
    fn import(&mut self, module: &str, form: Form, when: When, location: &Location) {
        self.imports.push(Raw {
            import: Import {
                module: module.to_owned(),
                names: Vec::new(),
                form,
                when,
                file: None,
                location: location.clone(),
                local: None,
            },
            level: 0,
        });
    }

    /// A line magic without its `%`.
    pub(super) fn line_magic(&mut self, line: &str, place: &Location, when: When) {
        let line = line.trim();
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match name {
            "pip" | "conda" | "mamba" | "micromamba" | "uv" => self.command(line, place),
            "sx" | "system" | "sc" => self.command(arguments, place),
            "run" => self
                .runs
                .extend(run_target(arguments).map(std::borrow::Cow::into_owned)),
            "matplotlib" => self.import("matplotlib", Form::Magic, when, place),
            "pylab" => {
                self.import("matplotlib", Form::Magic, when, place);
                self.import("numpy", Form::Magic, when, place);
            }
            "load_ext" | "reload_ext" => {
                for module in arguments.split_whitespace().take_while(|word| *word != "#") {
                    if is_module(module) && !OWN_EXTENSIONS.contains(&module) {
                        self.import(module, Form::Extension, when, place);
                    }
                }
            }
            _ => {}
        }
    }

    /// A command line of the shell.
    fn command(&mut self, line: &str, place: &Location) {
        for request in command::requests(line) {
            self.take_command(Some(request), place);
        }
    }

    fn take_command(&mut self, request: Option<(Tool, Vec<Wanted>)>, place: &Location) {
        let Some((tool, wanted)) = request.filter(|(_, wanted)| !wanted.is_empty()) else {
            return;
        };
        self.installs.push(Install {
            tool,
            wanted,
            file: None,
            location: place.clone(),
        });
    }
}

/// A name of modules, with dots.
fn is_module(name: &str) -> bool {
    name.split('.').all(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

pub(super) struct Visit<'a, 'f> {
    notebook: &'a Notebook,
    cell: &'a ParsedCell<'a>,
    found: &'f mut Found,
    when: When,
}

impl<'a, 'f> Visit<'a, 'f> {
    pub(super) fn new(notebook: &'a Notebook, cell: &'a ParsedCell<'a>, found: &'f mut Found) -> Self {
        Self {
            notebook,
            cell,
            found,
            when: When::Always,
        }
    }

    pub(super) fn body(&mut self, body: &'a [Stmt]) {
        self.visit_body(body);
    }

    fn place(&self, range: TextRange) -> Location {
        self.notebook
            .location(self.cell.cell.index, self.cell.source_range(range))
    }

    /// Visits what is done only then.
    fn within(&mut self, when: When, visit: impl FnOnce(&mut Self)) {
        let outer = self.when;
        self.when = outer.max(when);
        visit(self);
        self.when = outer;
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let names = import.names.iter().map(|alias| alias.name.as_str().to_owned());
        let import_of = Import {
            module: module.to_owned(),
            names: names.collect(),
            form: Form::Statement,
            when: self.when,
            file: None,
            location: self.place(import.range),
            local: None,
        };
        self.found.imports.push(Raw {
            import: import_of,
            level: import.level,
        });
    }

    fn attempt(&mut self, attempt: &'a StmtTry) {
        let guard = if attempt.handlers.iter().any(catches_import_error) {
            When::Guarded
        } else {
            self.when
        };
        self.within(guard, |visit| {
            visit.visit_body(&attempt.body);
            attempt
                .handlers
                .iter()
                .for_each(|handler| visit.visit_except_handler(handler));
        });
        self.visit_body(&attempt.orelse);
        self.visit_body(&attempt.finalbody);
    }

    fn condition(&mut self, condition: &'a StmtIf) {
        let when = if is_type_checking(&condition.test) {
            When::TypeChecking
        } else {
            self.when
        };
        self.visit_expr(&condition.test);
        self.within(when, |visit| visit.visit_body(&condition.body));
        for clause in &condition.elif_else_clauses {
            self.visit_elif_else_clause(clause);
        }
    }

    fn escape(&mut self, kind: IpyEscapeKind, value: &str, range: TextRange) {
        let place = self.place(range);
        match kind {
            IpyEscapeKind::Shell | IpyEscapeKind::ShCap => self.found.command(value, &place),
            IpyEscapeKind::Magic => {
                let when = self.when;
                self.found.line_magic(value, &place, when);
                let embedded = self.cell.embedded(range.start());
                embedded
                    .into_iter()
                    .flatten()
                    .for_each(|statement| self.visit_stmt(statement));
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &ExprCall) {
        let Some(name) = dotted(&call.func) else { return };
        let texts: Vec<Option<&str>> = call.arguments.args.iter().map(text_of).collect();
        if let ("subprocess", Some(Expr::List(words))) = (
            name.split('.').next().unwrap_or_default(),
            call.arguments.args.first(),
        ) {
            let words: Vec<String> = words.elts.iter().map(word_of).collect();
            let place = self.place(call.range());
            self.found.take_command(command::request(&words), &place);
            return;
        }
        match (name.as_str(), texts.as_slice()) {
            ("__import__" | "import_module" | "importlib.import_module", [Some(module), ..])
                if is_module(module) =>
            {
                let place = self.place(call.range());
                self.found.import(module, Form::Call, self.when, &place);
            }
            ("sys.path.append", [Some(folder)]) | ("sys.path.insert", [_, Some(folder)]) => {
                self.found.paths.push((*folder).to_owned());
            }
            ("os.system" | "subprocess.getoutput" | "get_ipython().system", [Some(line), ..]) => {
                let place = self.place(call.range());
                self.found.command(line, &place);
            }
            ("get_ipython().run_line_magic" | "get_ipython().magic", [Some(magic), rest @ ..]) => {
                let line = match rest {
                    [Some(arguments), ..] => format!("{magic} {arguments}"),
                    _ => (*magic).to_owned(),
                };
                let place = self.place(call.range());
                self.found.line_magic(&line, &place, self.when);
            }
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Visit<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                let place = self.place(import.range);
                for alias in &import.names {
                    self.found
                        .import(alias.name.as_str(), Form::Statement, self.when, &place);
                }
            }
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Try(attempt) => with_stack(|| self.attempt(attempt)),
            Stmt::If(condition) => with_stack(|| self.condition(condition)),
            Stmt::FunctionDef(_) => self.within(When::Called, |visit| {
                with_stack(|| visitor::walk_stmt(visit, statement));
            }),
            Stmt::IpyEscapeCommand(command) => self.escape(command.kind, &command.value, command.range),
            _ => with_stack(|| visitor::walk_stmt(self, statement)),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => self.call(call),
            Expr::IpyEscapeCommand(command) => self.escape(command.kind, &command.value, command.range()),
            _ => {}
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}

/// `a.b.c`, also behind `get_ipython()`.
fn dotted(function: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut function = function;
    while let Expr::Attribute(attribute) = function {
        // No name that is asked for has more.
        if parts.len() == 3 {
            return None;
        }
        parts.push(attribute.attr.as_str());
        function = &attribute.value;
    }
    parts.push(match function {
        Expr::Name(name) => name.id.as_str(),
        Expr::Call(call)
            if call
                .func
                .as_name_expr()
                .is_some_and(|name| name.id == "get_ipython") =>
        {
            "get_ipython()"
        }
        _ => return None,
    });
    parts.reverse();
    Some(parts.join("."))
}

fn text_of(expression: &Expr) -> Option<&str> {
    expression
        .as_string_literal_expr()
        .map(|text| text.value.to_str())
}

/// A word of a command that is given as a list: `[sys.executable, "-m", "pip", "install", name]`. What only a run would
/// tell is a variable.
fn word_of(expression: &Expr) -> String {
    match (text_of(expression), dotted(expression).as_deref()) {
        (Some(text), _) => text.to_owned(),
        (None, Some("sys.executable")) => "python".to_owned(),
        (None, _) => "$".to_owned(),
    }
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id == "TYPE_CHECKING",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

fn catches_import_error(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(clause) = handler;
    let is_one = |class: &Expr| {
        let name = class.as_name_expr().map(|name| name.id.as_str());
        name.is_some_and(|name| {
            matches!(
                name,
                "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException"
            )
        })
    };
    match clause.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(classes)) => classes.elts.iter().any(is_one),
        Some(class) => is_one(class),
    }
}
