//! NB607 absolute-path.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, ExprStringLiteral, Ranged},
};
use nbvet_report::Level;

use crate::{analysis::calls, macros::rule};

rule! {
    /// A file that is read or written in somebody's own folder.
    ///
    /// ## Why it matters
    ///
    /// `/Users/maria/…` or `C:\…` is there on one machine only: for everybody else, and on a server,
    /// the notebook fails at this line, or writes to a place where nobody looks.
    ///
    /// Folders that images of Jupyter and services make for every user (`/home/jovyan`, `/home/ec2-user`) are left
    /// alone, and so are placeholders.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    /// orders = pd.read_csv("/Users/maria/Desktop/orders.csv")
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    /// orders = pd.read_csv("data/orders.csv")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Lay the file beside the notebook and name it from there, or take the folder from a parameter or the environment.
    "NB607" "absolute-path",
    group: State,
    row: Row::From(Level::Staging),
    since: "0.1.0",
    check: Check::Static(&AbsolutePath),
}

struct AbsolutePath;

/// Beginnings of the names of calls that read or write the files or folders they are given.
const READS_OR_WRITES: &[&str] = &[
    "read",
    "load",
    "save",
    "write",
    "open",
    "to",
    "imread",
    "imwrite",
    "savefig",
    "chdir",
    "listdir",
    "glob",
    "walk",
    "makedirs",
    "mkdir",
    "copy",
    "copyfile",
    "copytree",
    "move",
    "rename",
    "remove",
    "unlink",
    "dump",
    "Path",
    "File",
    "from",
    "join",
    "ImageFolder",
    "savetxt",
    "savez",
    "loadtxt",
    "genfromtxt",
    "loadmat",
    "ExcelFile",
    "ExcelWriter",
    "HDFStore",
    "Image",
    "iglob",
    "scandir",
];

/// Users that images and services make for everybody.
const COMMON_USERS: &[&str] = &[
    "jovyan",
    "ec2-user",
    "user",
    "username",
    "sagemaker-user",
    "studio-lab-user",
    "name",
    "you",
    "me",
    "xxx",
    "test",
    "yourname",
    "your_name",
    "your-name",
    "your_username",
    "shared",
    "public",
    "ubuntu",
    "azureuser",
    "hadoop",
    "spark",
    "runner",
    "codespace",
    "vscode",
    "airflow",
    "app",
    "root",
    "jupyter",
    "docker",
    "default",
    "main",
    "work",
];

impl StaticRule for AbsolutePath {
    fn visits(&self) -> Visits {
        Visits::CALL | Visits::ASSIGN
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let found = match node {
            Node::Call(call) => {
                let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                let mut arguments = call.arguments.args.iter().chain(keywords);
                arguments.find_map(personal).filter(|_| reads_or_writes(call))
            }
            Node::Assign(assign) => personal(&assign.value),
            _ => None,
        };
        let Some((literal, root)) = found else { return };
        let at = cx.at(literal.range());
        cx.report(
            Finding::new(at, format!("`{root}` is on one machine only"))
                .because("For everybody else, and on a server, there is no such folder.")
                .help("name the file from the notebook's own folder, or take the folder from a parameter")
                .about(format!("path:{root}")),
        );
    }
}

fn reads_or_writes(call: &ExprCall) -> bool {
    let name = calls::name(call);
    READS_OR_WRITES
        .iter()
        .any(|known| name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('_')))
}

/// The literal, and the personal folder or the drive that it begins with.
fn personal(value: &Expr) -> Option<(&ExprStringLiteral, &str)> {
    let Expr::StringLiteral(literal) = value else {
        return None;
    };
    let text = literal.value.to_str();
    if text.len() > 1000 || text.contains(['<', '{', '\n']) {
        return None;
    }
    let drive = text.get(..3).filter(|start| {
        let mut letters = start.chars();
        letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && letters.next() == Some(':')
            && matches!(letters.next(), Some('/' | '\\'))
    });
    let home = ["/home/", "/Users/"].into_iter().find_map(|root| {
        let (user, rest) = text.strip_prefix(root)?.split_once('/')?;
        let is_personal =
            !user.is_empty() && !rest.is_empty() && !COMMON_USERS.contains(&user.to_lowercase().as_str());
        is_personal.then(|| text.get(..root.len() + user.len())).flatten()
    });
    // Two slashes after a letter and a colon are an address.
    let is_address = text.get(1..4) == Some("://");
    drive.filter(|_| !is_address).or(home).map(|root| (literal, root))
}
