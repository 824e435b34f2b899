# What Trustee's default policy for CPUs asks of TDX and SNP, written down again by its effect. The policy
# itself is attestation-service/src/ear_token/ear_default_policy_cpu.rego; ci/trustee-policy takes it.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

default file_system := 0

default sourced_data := 0

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"file-system": file_system,
	"sourced-data": sourced_data,
}

known(value, name) if value in query_reference_value(name)

same(value, name) if value == query_reference_value(name)

td := input.tdx.quote.body

registers_known if {
	known(td.rtmr_1, "rtmr_1")
	known(td.rtmr_2, "rtmr_2")
}

# An event in the log whose digest is the one and only reference value.
kernel_known if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EFI_BOOT_SERVICES_APPLICATION"
	"File(kernel)" in event.details.device_paths
	some digest in event.digests
	same(digest.digest, "tdvfkernel")
}

command_line_known if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_EVENT_TAG"
	event.details.string == "LOADED_IMAGE::LoadOptions"
	some digest in event.digests
	same(digest.digest, "tdvfkernelparams")
}

executables := 3 if {
	registers_known
	kernel_known
	command_line_known
} else := 4 if registers_known

executables := 3 if known(input.snp.measurement, "snp_launch_measurement")

hardware := 2 if {
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	known(td.mr_td, "mr_td")
	input.tdx.tcb_status == "UpToDate"
	input.tdx.collateral_expiration_status == "0"
}

hardware := 2 if {
	known(input.snp.reported_tcb_bootloader, "snp_bootloader")
	known(input.snp.reported_tcb_microcode, "snp_microcode")
	known(input.snp.reported_tcb_snp, "snp_snp_svn")
	known(input.snp.reported_tcb_tee, "snp_tee_svn")
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	known(td.xfam, "xfam")
}

closed if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}

configuration := 2 if {
	closed
	same(input.snp.platform_smt_enabled, "snp_smt_enabled")
	same(input.snp.platform_tsme_enabled, "snp_tsme_enabled")
	same(input.snp.policy_abi_major, "snp_guest_abi_major")
	same(input.snp.policy_abi_minor, "snp_guest_abi_minor")
	same(input.snp.policy_single_socket, "snp_single_socket")
	same(input.snp.policy_smt_allowed, "snp_smt_allowed")
} else := 3 if closed
