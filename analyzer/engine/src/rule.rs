//! What a rule is, what it is shown, and how it reports. A rule is one file in the `rules` crate; this module is
//! everything it has to know.

use bitflags::bitflags;
use nbvet_notebook::ProblemKind;
use nbvet_report::{CellRun, Edit, Fix, Hint, Label, Location, RuleMeta, Severity};
use ruff_python_ast::{
    ExprCall, ExprCompare, IpyEscapeKind, StmtAnnAssign, StmtAssign, StmtExpr, StmtFunctionDef, StmtTry,
};
use ruff_text_size::TextRange;

use crate::{check::Run, model::Model, parse::ParsedCell};

/// One rule: what it is called and what it does.
pub struct Rule {
    /// Its names, group and severities.
    pub meta: RuleMeta,
    /// What it does.
    pub check: Check,
}

/// What a rule looks at.
pub enum Check {
    /// The semantic model, before anything runs.
    Static(&'static dyn StaticRule),
    /// The facts of a run, together with the model.
    Run(&'static dyn RunRule),
    /// A fault of the file that reading it has found.
    Problem(ProblemKind),
    /// The comments and tags that switch other rules off.
    Suppression,
}

bitflags! {
    /// The nodes that a static rule wants to be shown.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Visits: u32 {
        /// [`Node::Notebook`].
        const NOTEBOOK = 1;
        /// [`Node::Try`].
        const TRY = 1 << 1;
        /// [`Node::Function`].
        const FUNCTION = 1 << 2;
        /// [`Node::Assign`] and [`Node::AnnotatedAssign`].
        const ASSIGN = 1 << 3;
        /// [`Node::Call`].
        const CALL = 1 << 4;
        /// [`Node::Compare`].
        const COMPARE = 1 << 5;
        /// [`Node::Expression`].
        const EXPRESSION = 1 << 6;
        /// [`Node::Escape`].
        const ESCAPE = 1 << 7;
    }
}

/// A node of a valid cell's syntax tree, or the notebook as a whole.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// Once for each notebook, after all cells.
    Notebook,
    /// A `try` statement.
    Try(&'a StmtTry),
    /// A function's definition.
    Function(&'a StmtFunctionDef),
    /// `targets = value`.
    Assign(&'a StmtAssign),
    /// `target: annotation = value`.
    AnnotatedAssign(&'a StmtAnnAssign),
    /// A call.
    Call(&'a ExprCall),
    /// A comparison.
    Compare(&'a ExprCompare),
    /// An expression as a statement.
    Expression(&'a StmtExpr),
    /// `!command`, `%magic`.
    Escape(Escape<'a>),
}

/// An IPython escape command.
#[derive(Debug, Clone, Copy)]
pub struct Escape<'a> {
    /// Which character.
    pub kind: IpyEscapeKind,
    /// What follows it.
    pub value: &'a str,
    /// Where.
    pub range: TextRange,
    /// Its result is assigned: `x = !command`.
    pub assigned: bool,
}

/// A rule over the semantic model.
pub trait StaticRule: Sync {
    /// The nodes to be shown.
    fn visits(&self) -> Visits;

    /// Looks at one node, in the order of the cells.
    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>);
}

/// A rule over the facts of a run.
pub trait RunRule: Sync {
    /// Looks at a whole run.
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>);
}

/// What a static rule knows at a node.
pub struct Context<'a, 'm> {
    pub(crate) model: &'m Model<'a>,
    pub(crate) position: usize,
    pub(crate) functions: Vec<&'a StmtFunctionDef>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a, 'm> Context<'a, 'm> {
    pub(crate) fn new(model: &'m Model<'a>) -> Self {
        Self {
            model,
            position: 0,
            functions: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The semantic model.
    pub fn model(&self) -> &'m Model<'a> {
        self.model
    }

    /// The cell of the current node.
    pub fn cell(&self) -> &'a ParsedCell<'a> {
        self.model.cell(self.position)
    }

    /// Position of that cell among the code cells.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The function around the current node.
    pub fn function(&self) -> Option<&'a StmtFunctionDef> {
        self.functions.last().copied()
    }

    /// A range of the current cell as a location.
    pub fn at(&self, range: TextRange) -> Location {
        self.model.location(self.position, range)
    }

    /// An edit of a range of the current cell, for a fix. Small edits are best: what they leave out keeps its
    /// comments, line breaks and indentation.
    pub fn edit(&self, range: TextRange, replacement: impl Into<String>) -> Edit {
        Edit {
            location: self.at(range),
            replacement: replacement.into(),
        }
    }

    /// The source under a range of the current cell.
    pub fn source(&self, range: TextRange) -> &'a str {
        self.cell().slice(range)
    }

    /// Reports.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// What a run rule knows.
pub struct RunContext<'a, 'm> {
    pub(crate) model: &'m Model<'a>,
    pub(crate) findings: Vec<Finding>,
    /// Subjects, with their cells, of which the run has shown that nothing went wrong.
    pub(crate) calm: Vec<(u32, String)>,
}

impl<'a, 'm> RunContext<'a, 'm> {
    /// The semantic model of the notebook that ran.
    pub fn model(&self) -> &'m Model<'a> {
        self.model
    }

    /// The parsed cell of a cell's run.
    pub fn cell(&self, run: &CellRun) -> Option<&'a ParsedCell<'a>> {
        self.model
            .position_of(run.cell)
            .map(|position| self.model.cell(position))
    }

    /// What static rules find in the notebook, for a run rule that holds it against the facts: in their order.
    pub fn findings_of(&self, rules: &[&dyn StaticRule]) -> Vec<Vec<Finding>> {
        crate::walk::walk(self.model, rules)
    }

    /// A line (1-based) of a cell as a location; the cell's first line with code where it is not known.
    pub fn at_line(&self, cell: u32, line: Option<u32>) -> Location {
        let notebook = self.model.parsed().notebook();
        let source = notebook
            .cells()
            .get(cell as usize)
            .map_or("", |cell| cell.source.as_str());
        let wanted = line.map_or_else(|| first_code_line(source), |line| line.saturating_sub(1) as usize);
        let mut start = 0;
        for (index, text) in source.split_inclusive('\n').enumerate() {
            let content = text.trim_end();
            if index == wanted {
                let indent = content.len() - content.trim_start().len();
                return notebook.location(cell, start + indent..start + content.len());
            }
            start += text.len();
        }
        notebook.location(cell, 0..0)
    }

    /// Reports.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says that nothing went wrong with a subject: what this rule's static twins find about it is a note.
    pub fn all_well(&mut self, cell: u32, subject: impl Into<String>) {
        self.calm.push((cell, subject.into()));
    }
}

fn first_code_line(source: &str) -> usize {
    let is_code = |line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    };
    source.lines().position(is_code).unwrap_or(0)
}

/// What a rule reports: everything of a diagnostic but the rule and the severity, which are not the rule's to say.
#[derive(Debug, Clone)]
pub struct Finding {
    pub(crate) location: Location,
    pub(crate) message: String,
    pub(crate) explanation: Option<String>,
    pub(crate) help: Option<Hint>,
    pub(crate) labels: Vec<Label>,
    pub(crate) fix: Option<Fix>,
    pub(crate) lowered: bool,
    pub(crate) calmed: bool,
    pub(crate) cap: Option<Severity>,
    pub(crate) only_asked: bool,
    pub(crate) subjects: Vec<String>,
    pub(crate) covers: Vec<(Option<u32>, String)>,
}

impl Finding {
    /// What was seen, and where.
    pub fn new(location: Location, message: impl Into<String>) -> Self {
        Self {
            location,
            message: message.into(),
            explanation: None,
            help: None,
            labels: Vec::new(),
            fix: None,
            lowered: false,
            calmed: false,
            cap: None,
            only_asked: false,
            subjects: Vec::new(),
            covers: Vec::new(),
        }
    }

    /// What it means for this notebook.
    #[must_use]
    pub fn because(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = Some(explanation.into());
        self
    }

    /// How to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Hint>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Another place that explains it.
    #[must_use]
    pub fn label(mut self, location: Location, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            location,
            message: message.into(),
        });
        self
    }

    /// A mechanical remedy.
    #[must_use]
    pub fn fix(
        mut self,
        title: impl Into<String>,
        applicability: nbvet_report::Applicability,
        edits: Vec<Edit>,
    ) -> Self {
        self.fix = Some(Fix {
            title: title.into(),
            applicability,
            edits,
        });
        self
    }

    /// Counts one severity less than the rule's row: clean-up calls, probes, paths that may not be taken.
    #[must_use]
    pub fn lowered_if(mut self, lowered: bool) -> Self {
        self.lowered |= lowered;
        self
    }

    /// Never counts more than this, whatever the row says.
    #[must_use]
    pub fn at_most(mut self, severity: Severity) -> Self {
        self.cap = Some(severity);
        self
    }

    /// Told only where the rule's switch is set.
    #[must_use]
    pub fn only_if_asked(mut self, only: bool) -> Self {
        self.only_asked |= only;
        self
    }

    /// What the finding is about, such as the bound name: a static and a run finding of twin rules in one cell
    /// with the same subject are one fault. It may be about several things.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subjects.push(subject.into());
        self
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// It counts one severity less than its rule's row.
    pub fn is_lowered(&self) -> bool {
        self.lowered
    }

    /// Tells the same fault as a twin's finding about this subject in another cell.
    #[must_use]
    pub fn covers(mut self, cell: Option<u32>, subject: impl Into<String>) -> Self {
        self.covers.push((cell, subject.into()));
        self
    }
}
