//! The keys of a kata configuration: types and defaults of those that are read, names of the rest.
//!
//! Sources: kata 4.1 `src/runtime/pkg/katautils/config.go` and `config-settings.go.in`, `src/libs/kata-types/src/config`.

use crate::units::Runtime;

/// The table of a configuration that a key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::host) enum Section {
    /// `[hypervisor.X]`, of the hypervisor that the runtime takes.
    Hypervisor,
    /// `[agent.X]`, of the agent that it takes.
    Agent,
    /// `[runtime]`.
    Runtime,
}

/// What a key is without a configuration, and so of which type it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::host) enum Fallback {
    /// A string.
    Text(&'static str),
    /// A boolean.
    Flag(bool),
    /// An integer of 0 to 2^32 - 1.
    Whole(u32),
    /// A number, with or without a fraction, of either sign.
    Number(f64),
    /// An array of strings, empty.
    Texts,
    /// An array of tables, empty.
    Tables,
    /// A table, empty.
    Table,
}

/// A key that is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::host) struct Key {
    /// The table it is in.
    pub(in crate::host) section: Section,
    /// Its name there.
    pub(in crate::host) name: &'static str,
    /// Its default in the Go runtime; `None` if that has no such key.
    go: Option<Fallback>,
    /// Its default in runtime-rs, likewise.
    rs: Option<Fallback>,
}

impl Key {
    /// The default in `runtime`; `None` if that has no such key.
    pub(in crate::host) fn default(&self, runtime: Runtime) -> Option<Fallback> {
        match runtime {
            Runtime::Go => self.go,
            Runtime::Rs => self.rs,
        }
    }
}

const fn both(section: Section, name: &'static str, default: Fallback) -> Key {
    Key { section, name, go: Some(default), rs: Some(default) }
}

const fn go(section: Section, name: &'static str, default: Fallback) -> Key {
    Key { section, name, go: Some(default), rs: None }
}

const fn rs(section: Section, name: &'static str, default: Fallback) -> Key {
    Key { section, name, go: None, rs: Some(default) }
}

macro_rules! keys {
    ($($name:ident = $value:expr;)*) => {
        /// The keys by name.
        pub(in crate::host) mod keys {
            use super::Fallback::{Flag, Number, Table, Tables, Text, Texts, Whole};
            use super::{Key, Section, both, go, rs};

            $(pub(in crate::host) const $name: Key = $value;)*

            /// All keys that are read, in the order in which they are told.
            pub(in crate::host) const ALL: &[Key] = &[$($name),*];
        }
    };
}

keys! {
    INITRD = both(Section::Hypervisor, "initrd", Text(""));
    IMAGE = both(Section::Hypervisor, "image", Text(""));
    KERNEL = both(Section::Hypervisor, "kernel", Text(""));
    FIRMWARE = both(Section::Hypervisor, "firmware", Text(""));
    KERNEL_PARAMS = both(Section::Hypervisor, "kernel_params", Text(""));
    KERNEL_VERITY_PARAMS = both(Section::Hypervisor, "kernel_verity_params", Text(""));
    ROOTFS_TYPE = both(Section::Hypervisor, "rootfs_type", Text("ext4"));
    GUEST_EXTENSION_IMAGES = both(Section::Hypervisor, "guest_extension_images", Tables);
    CONFIDENTIAL_GUEST = both(Section::Hypervisor, "confidential_guest", Flag(false));
    SEV_SNP_GUEST = both(Section::Hypervisor, "sev_snp_guest", Flag(false));
    SNP_GUEST_POLICY = both(Section::Hypervisor, "snp_guest_policy", Whole(0x3_0000));
    DEFAULT_VCPUS = both(Section::Hypervisor, "default_vcpus", Number(1.0));
    DEFAULT_MAXVCPUS = both(Section::Hypervisor, "default_maxvcpus", Whole(0));
    DEFAULT_MEMORY = both(Section::Hypervisor, "default_memory", Whole(0));
    SHARED_FS = Key {
        section: Section::Hypervisor,
        name: "shared_fs",
        go: Some(Text("virtio-fs")),
        rs: Some(Text("none")),
    };
    ENABLE_DEBUG = both(Section::Hypervisor, "enable_debug", Flag(false));
    ENABLE_IOMMU = both(Section::Hypervisor, "enable_iommu", Flag(false));
    DISABLE_GUEST_SELINUX = Key {
        section: Section::Hypervisor,
        name: "disable_guest_selinux",
        go: Some(Flag(false)),
        rs: Some(Flag(true)),
    };
    BLOCK_DEVICE_DRIVER = go(Section::Hypervisor, "block_device_driver", Text("virtio-scsi"));
    USE_LEGACY_SERIAL = go(Section::Hypervisor, "use_legacy_serial", Flag(false));
    GUEST_HOOK_PATH = both(Section::Hypervisor, "guest_hook_path", Text(""));
    INITDATA = rs(Section::Hypervisor, "initdata", Text(""));
    ENABLE_ANNOTATIONS = both(Section::Hypervisor, "enable_annotations", Texts);
    AGENT_DEBUG = both(Section::Agent, "enable_debug", Flag(false));
    AGENT_TRACING = both(Section::Agent, "enable_tracing", Flag(false));
    DEBUG_CONSOLE = both(Section::Agent, "debug_console_enabled", Flag(false));
    KERNEL_MODULES = both(Section::Agent, "kernel_modules", Texts);
    LAUNCH_PROCESS_TIMEOUT = both(Section::Agent, "launch_process_timeout", Whole(0));
    CDH_API_TIMEOUT = go(Section::Agent, "cdh_api_timeout", Whole(0));
    CDH_API_TIMEOUT_MS = rs(Section::Agent, "cdh_api_timeout_ms", Whole(50_000));
    CONTAINER_PIPE_SIZE = rs(Section::Agent, "container_pipe_size", Whole(0));
    VISIBLE_CDI_DEVICES = both(Section::Agent, "visible_cdi_devices", Flag(false));
    MEM_AGENT = rs(Section::Agent, "mem_agent", Table);
    DIAL_TIMEOUT = go(Section::Agent, "dial_timeout", Whole(0));
    DIAL_TIMEOUT_MS = rs(Section::Agent, "dial_timeout_ms", Whole(10));
    RECONNECT_TIMEOUT_MS = rs(Section::Agent, "reconnect_timeout_ms", Whole(3_000));
    AGENT_CREATE_CONTAINER_TIMEOUT = rs(Section::Agent, "create_container_timeout", Whole(30));
    LOG_PORT = rs(Section::Agent, "log_port", Whole(1025));
    POLICY = rs(Section::Agent, "policy", Text(""));
    RUNTIME_DEBUG = both(Section::Runtime, "enable_debug", Flag(false));
    STATIC_SANDBOX_RESOURCE_MGMT = both(Section::Runtime, "static_sandbox_resource_mgmt", Flag(false));
    CREATE_CONTAINER_TIMEOUT = go(Section::Runtime, "create_container_timeout", Whole(0));
    EXPERIMENTAL = both(Section::Runtime, "experimental", Texts);
    HYPERVISOR_NAME = rs(Section::Runtime, "hypervisor_name", Text("dragonball"));
    AGENT_NAME = rs(Section::Runtime, "agent_name", Text("kata"));
}

/// The keys of `[agent.X]` that runtime-rs has and nobody here asks for; it refuses any other.
pub(super) const RS_AGENT: &[&str] =
    &["health_check_request_timeout_ms", "log_level", "passfd_listener_port", "server_port"];

/// The keys of `mem_agent` that become parameters with `agent.mem_agent_` before them; `enable` is the other one.
pub(super) const MEM_AGENT_KEYS: &[&str] = &[
    "compact_disable",
    "compact_force_times",
    "compact_order",
    "compact_period_psi_percent_limit",
    "compact_period_secs",
    "compact_psi_percent_limit",
    "compact_sec_max",
    "compact_threshold",
    "memcg_disable",
    "memcg_eviction_psi_percent_limit",
    "memcg_eviction_run_aging_count_min",
    "memcg_period_psi_percent_limit",
    "memcg_period_secs",
    "memcg_swap",
    "memcg_swappiness_max",
];

/// The keys of `[hypervisor.X]` that the Go runtime has and nobody here asks for; it refuses any other in a drop-in.
#[rustfmt::skip] // a page of names
pub(super) const GO_HYPERVISOR: &[&str] = &[
    "block_device_aio", "block_device_cache_direct", "block_device_cache_noflush", "block_device_cache_set",
    "block_device_logical_sector_size", "block_device_physical_sector_size", "cold_plug_vfio",
    "cpu_features", "default_bridges", "default_maxmemory", "disable_block_device_use",
    "disable_image_nvdimm", "disable_nesting_checks", "disable_seccomp", "disable_selinux",
    "disable_vhost_net", "disk_rate_limiter_bw_max_rate", "disk_rate_limiter_bw_one_time_burst",
    "disk_rate_limiter_ops_max_rate", "disk_rate_limiter_ops_one_time_burst", "enable_guest_swap",
    "enable_hugepages", "enable_iommu_platform", "enable_iothreads", "enable_mem_prealloc", "enable_numa",
    "enable_vhost_user_store", "enable_virtio_mem", "entropy_source", "extra_monitor_socket",
    "firmware_volume", "guest_memory_dump_paging", "guest_memory_dump_path", "hot_plug_vfio",
    "hypervisor_loglevel", "indep_iothreads", "jailer_path", "machine_accelerators", "machine_type",
    "measurement_algo", "memory_offset", "memory_slots", "msize_9p", "net_rate_limiter_bw_max_rate",
    "net_rate_limiter_bw_one_time_burst", "net_rate_limiter_ops_max_rate",
    "net_rate_limiter_ops_one_time_burst", "numa_mapping", "path", "pcie_root_port", "pcie_switch_port",
    "pflashes", "reclaim_guest_freed_memory", "remote_hypervisor_socket", "remote_hypervisor_timeout",
    "rootless", "rx_rate_limiter_max_rate", "seccompsandbox", "snp_id_auth", "snp_id_block",
    "tdx_quote_generation_service_socket_port", "tx_rate_limiter_max_rate", "valid_entropy_sources",
    "valid_hypervisor_paths", "valid_jailer_paths", "valid_vhost_user_store_paths",
    "valid_virtio_fs_daemon_paths", "vhost_user_reconnect_timeout_sec", "vhost_user_store_path",
    "virtio_fs_cache", "virtio_fs_cache_size", "virtio_fs_daemon", "virtio_fs_extra_args",
    "virtio_fs_queue_size",
];
