//! Real registries, base images and container runtimes for tests. Says what cannot run on a machine and why.
