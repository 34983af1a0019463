//! A cluster from start to end: which programs it has, in which order they start, and who may speak to it.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client, config::KubeConfigOptions, config::Kubeconfig};
use rustix::process::Signal;

use crate::{
    Error, Image, Result,
    audit::{self, Call},
    certificates::Authority,
    control_plane::{self, Endpoints, Files},
    forward::Forwarder,
    keeper::Keeper,
    kubeconfig,
    node::{self, Node},
    place::Place,
    ports::Port,
    process::Service,
    programs,
};

/// How long a program may take to be ready on a loaded machine; one at rest needs three seconds.
pub(crate) const START: Duration = Duration::from_mins(2);
/// Between two looks at something that is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(30);

/// How much of Kubernetes there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// etcd and the API server on loopback. Pods are accepted and stay as they are.
    #[default]
    Api,
    /// With controllers: Jobs make pods, owners take what they own with them. Nothing runs.
    Controllers,
    /// With scheduler and a node in namespaces of its own, where pods run. Needs root.
    Node,
}

/// What kind of cluster a test needs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How much of Kubernetes.
    pub tier: Tier,
    /// With a scheduler; a node always has one.
    pub scheduler: bool,
    /// Further arguments of the API server, such as `--feature-gates=…`.
    pub api_server: Vec<String>,
    /// Further arguments of the controllers; `--controllers=…` adds some.
    pub controllers: Vec<String>,
}

impl From<Tier> for Options {
    fn from(tier: Tier) -> Self {
        Self {
            tier,
            ..Self::default()
        }
    }
}

/// A running cluster; ends with the value, and with the test's process however that ends. Its folder stays where the
/// test panicked, and is named then.
#[derive(Debug)]
pub struct Cluster {
    // In the order in which they end: the files go last.
    others: Vec<Service>,
    api: Option<Service>,
    node: Option<Node>,
    place: Place,
    _etcd: Service,
    options: Options,
    authority: Authority,
    files: Files,
    inside: Endpoints,
    outside: String,
    _ports: Vec<Port>,
    keeper: Keeper,
}

impl Cluster {
    /// Starts one and waits until it can be used: 3 s for an API server, 5 s for a node.
    ///
    /// Commands that prepare a node block the thread for up to a second.
    pub async fn start(options: impl Into<Options>) -> Result<Self> {
        let options = options.into();
        check_programs(&options)?;
        let keeper = match options.tier {
            Tier::Node => Keeper::start(node::first_process)?,
            _ => Keeper::start(|_, _| Vec::new())?,
        };
        let cluster = Self::bring_up(options, keeper)?;
        match cluster.complete().await {
            Ok(cluster) => Ok(cluster),
            Err((cluster, error)) => {
                cluster.keeper.keep();
                Err(error)
            }
        }
    }

    /// Starts etcd and the API server.
    fn bring_up(options: Options, keeper: Keeper) -> Result<Self> {
        let files = Files::create(keeper.folder())?;
        let authority = Authority::new()?;
        let ports = [Port::reserve()?, Port::reserve()?, Port::reserve()?];
        let (inside, place) = if options.tier == Tier::Node {
            (node::ENDPOINTS, Place::Node(node::namespaces(&keeper, &files)?))
        } else {
            let [port, etcd, peers] = ports.each_ref().map(|port| port.number);
            let host = "127.0.0.1";
            (
                Endpoints {
                    host,
                    port,
                    etcd,
                    peers,
                },
                Place::Machine,
            )
        };
        files.write_identities(&authority, &inside)?;
        let mut etcd = place.command(programs::find("etcd")?);
        control_plane::etcd(&mut etcd, &files, &inside);
        let etcd = Service::start("etcd", etcd, &files.logs)?;
        let node = match &place {
            Place::Node(namespaces) => Some(Node::prepare(namespaces, &files, &authority, keeper.name())?),
            Place::Machine => None,
        };
        let outside = node.as_ref().map_or_else(|| inside.url(), Node::url);
        let mut cluster = Self {
            others: Vec::new(),
            api: None,
            node,
            place,
            _etcd: etcd,
            options,
            authority,
            files,
            inside,
            outside,
            _ports: ports.into(),
            keeper,
        };
        cluster.launch_api()?;
        Ok(cluster)
    }

    /// Waits for the API server, then starts what speaks to it.
    async fn complete(mut self) -> std::result::Result<Self, (Self, Error)> {
        match self.start_the_rest().await {
            Ok(()) => Ok(self),
            Err(error) => Err((self, error)),
        }
    }

    async fn start_the_rest(&mut self) -> Result<()> {
        self.api_is_ready().await?;
        if self.options.tier == Tier::Api {
            return Ok(());
        }
        let admin = self.admin().await?;
        let mut command = self.place.command(programs::find("kube-controller-manager")?);
        control_plane::controllers(&mut command, &self.files);
        command.args(&self.options.controllers);
        self.others.push(Service::start(
            "kube-controller-manager",
            command,
            &self.files.logs,
        )?);
        if self.options.scheduler || self.options.tier == Tier::Node {
            let mut command = self.place.command(programs::find("kube-scheduler")?);
            control_plane::scheduler(&mut command, &self.files);
            self.others
                .push(Service::start("kube-scheduler", command, &self.files.logs)?);
        }
        if let (Some(node), Place::Node(namespaces)) = (&mut self.node, &self.place) {
            node.start(namespaces, &self.files, &admin).await?;
        }
        self.account_of(&admin, "default").await
    }

    /// Waits for the account that every pod of a namespace needs.
    pub(crate) async fn account_of(&self, admin: &Client, namespace: &str) -> Result<()> {
        let accounts = Api::<ServiceAccount>::namespaced(admin.clone(), namespace);
        let begin = Instant::now();
        while accounts
            .get_opt("default")
            .await
            .map_err(Error::api("accounts"))?
            .is_none()
        {
            self.others.iter().try_for_each(Service::check)?;
            if begin.elapsed() > START {
                let what = format!("made no account in {namespace} within {START:?}");
                return Err(self.others[0].failed(what));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn launch_api(&mut self) -> Result<()> {
        let mut command = self.place.command(programs::find("kube-apiserver")?);
        let accounts = self.options.tier != Tier::Api;
        control_plane::api_server(&mut command, &self.files, &self.inside, accounts);
        command.args(&self.options.api_server);
        self.api = Some(Service::start("kube-apiserver", command, &self.files.logs)?);
        Ok(())
    }

    async fn api_is_ready(&self) -> Result<()> {
        let admin = self.admin().await?;
        let begin = Instant::now();
        loop {
            let request = http::Request::get("/readyz")
                .body(Vec::new())
                .map_err(Error::other)?;
            let answer = tokio::time::timeout(Duration::from_secs(5), admin.request_text(request)).await;
            if matches!(answer, Ok(Ok(_))) {
                return Ok(());
            }
            let Some(api) = &self.api else {
                return Err(Error::Other("the API server was not started".to_owned()));
            };
            api.check()?;
            if begin.elapsed() > START {
                return Err(api.failed(format!("was not ready within {START:?}: {answer:?}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills the API server, as a lost one: its port refuses connections until [`Cluster::start_api`].
    pub fn stop_api(&mut self) {
        self.api = None;
    }

    /// Starts the API server anew, with all that it had stored.
    pub async fn start_api(&mut self) -> Result<()> {
        if self.api.is_none() {
            self.launch_api()?;
        }
        self.api_is_ready().await
    }

    /// Halts the API server: connections stay open and nothing answers, until [`Cluster::thaw_api`].
    pub fn freeze_api(&self) {
        self.api.iter().for_each(|api| api.signal(Signal::STOP));
    }

    /// Lets a halted API server go on.
    pub fn thaw_api(&self) {
        self.api.iter().for_each(|api| api.signal(Signal::CONT));
    }

    /// A client that may do everything, as the user `nbvet-test-admin`.
    pub async fn admin(&self) -> Result<Client> {
        self.client("nbvet-test-admin", Some("system:masters")).await
    }

    /// A client that is this user by its certificate; what it may do is for the test to grant. Each runtime of tokio
    /// needs a client of its own.
    pub async fn client(&self, user: &str, group: Option<&str>) -> Result<Client> {
        client(&self.kubeconfig_text(user, group)?).await
    }

    /// A kubeconfig file of a user for any program outside of the cluster.
    pub fn kubeconfig(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let file = format!("outside-{}.kubeconfig", user.replace(['/', ':'], "-"));
        self.files.write(&file, &self.kubeconfig_text(user, group)?)
    }

    fn kubeconfig_text(&self, user: &str, group: Option<&str>) -> Result<String> {
        let identity = self.authority.user(user, group)?;
        Ok(kubeconfig::text(
            &self.outside,
            &self.authority.certificate,
            &identity,
        ))
    }

    /// kubectl as the admin; give it a subcommand.
    pub fn kubectl(&self) -> Result<Command> {
        let mut command = Command::new(programs::find("kubectl")?);
        let config = self.kubeconfig("nbvet-test-admin", Some("system:masters"))?;
        // It keeps what it discovers in the user's home otherwise.
        command.arg("--cache-dir").arg(self.files.work.join("kubectl"));
        command.env("KUBECONFIG", config);
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        Ok(command)
    }

    /// The API server's URL from outside.
    pub fn url(&self) -> &str {
        &self.outside
    }

    /// Every request that the API server has ended or, for watches, begun. A line comes a moment after its answer.
    pub fn audit(&self) -> Vec<Call> {
        audit::read(&self.files.logs.join("audit.log"))
    }

    /// The folder of the logs; it goes with the cluster unless the test panics.
    pub fn logs(&self) -> &Path {
        &self.files.logs
    }

    /// How much of Kubernetes there is.
    pub fn tier(&self) -> Tier {
        self.options.tier
    }

    /// Gives an image to the node, under its own name. An error where there is no node.
    pub fn import(&self, image: &Image) -> Result<()> {
        match &self.place {
            Place::Node(namespaces) => node::import(namespaces, &self.files, image),
            Place::Machine => Err(no_node()),
        }
    }

    /// Kills the kubelet: its pods go on, and nobody tells of them until [`Cluster::start_kubelet`].
    pub fn stop_kubelet(&mut self) {
        if let Some(node) = &mut self.node {
            node.stop_kubelet();
        }
    }

    /// Starts the kubelet anew and waits until the node is ready; one that was deleted comes back.
    pub async fn start_kubelet(&mut self) -> Result<()> {
        let admin = self.admin().await?;
        match (&mut self.node, &self.place) {
            (Some(node), Place::Node(inside)) => node.start_kubelet(inside, &self.files, &admin).await,
            _ => Err(no_node()),
        }
    }

    /// Listens at [`NODE_ADDRESS`](crate::NODE_ADDRESS), where the API server, the node and its pods come; an error where
    /// there is no node.
    pub fn listen(&self, port: u16) -> Result<TcpListener> {
        let Place::Node(inside) = &self.place else {
            return Err(no_node());
        };
        let listener = inside.in_network(|| TcpListener::bind((node::ADDRESS, port)));
        listener.map_err(Error::other)
    }

    /// Lets the node and its pods reach one more registry, without encryption, at this port of
    /// [`NODE_ADDRESS`](crate::NODE_ADDRESS); for as long as the value lives.
    pub fn reach(&self, registry: &nbvet_testkit::Registry, port: u16) -> Result<Forwarder> {
        node::without_encryption(&self.files, &format!("{}:{port}", node::ADDRESS))?;
        let goal = registry.port();
        Forwarder::start(self.listen(port)?, move || {
            TcpStream::connect(("127.0.0.1", goal))
        })
    }

    /// The folder of what goes away however the test ends.
    pub(crate) fn work(&self) -> &Path {
        &self.files.work
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The registry that a node reaches as [`REGISTRY`](crate::REGISTRY).
    pub fn registry(&self) -> Option<&nbvet_testkit::Registry> {
        self.node.as_ref().map(Node::registry)
    }
}

fn no_node() -> Error {
    Error::Other("the cluster has no node".to_owned())
}

impl Drop for Cluster {
    #[expect(
        clippy::print_stderr,
        reason = "who reads of a failed test wants to know where its logs are"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keeper.keep();
            eprintln!("logs of the cluster: {}", self.files.logs.display());
        }
    }
}

/// A client by a kubeconfig's text, which asks once: how often to try again is for the test to say.
pub(crate) async fn client(text: &str) -> Result<Client> {
    let config = Kubeconfig::from_yaml(text).map_err(Error::other)?;
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(config, &options);
    let mut config = config.await.map_err(Error::other)?;
    config.default_retry = false;
    Client::try_from(config).map_err(Error::api("client"))
}

/// So that what is missing is told before anything starts.
fn check_programs(options: &Options) -> Result<()> {
    programs::installed("setpriv", "util-linux")?;
    let mut names = vec!["etcd", "kube-apiserver"];
    if options.tier != Tier::Api {
        names.push("kube-controller-manager");
    }
    if options.scheduler || options.tier == Tier::Node {
        names.push("kube-scheduler");
    }
    names.iter().try_for_each(|name| programs::find(name).map(drop))?;
    if options.tier == Tier::Node {
        node::check()?;
    }
    Ok(())
}
