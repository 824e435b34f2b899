//! The two rules of the JSON form that serde can't derive.
//!
//! They are those of kata's `src/libs/protocols/src/serde_config.rs`.

use protobuf::{Enum, EnumOrUnknown, MessageField};
use serde::{Serialize, Serializer};

/// An enumeration is the number it has on the wire.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
pub(crate) fn number<E: Enum, S: Serializer>(
    value: &EnumOrUnknown<E>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_i32(value.value())
}

/// A message that isn't there is `null`.
pub(crate) fn or_null<M: Serialize, S: Serializer>(
    field: &MessageField<M>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    field.as_ref().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde::Serialize;

    use crate::agent::{
        ExecProcessRequest, MemAgentMemcgConfig, StringUser, UpdateInterfaceRequest, WriteStreamRequest,
    };
    use crate::types::{IPAddress, IPFamily, Interface};
    use crate::{MessageField, agent, oci};

    fn check(message: &impl Serialize, expected: &Expect) {
        expected.assert_eq(&serde_json::to_string(message).unwrap());
    }

    #[test]
    fn a_message_that_is_not_there_is_null_and_one_that_is_there_has_all_its_fields() {
        let mut request = ExecProcessRequest::new();
        request.string_user = MessageField::some(StringUser::new());
        check(
            &request,
            &expect![[
                r#"{"container_id":"","exec_id":"","string_user":{"uid":"","gid":"","additionalGids":[]},"process":null,"stdin_port":0,"stdout_port":0,"stderr_port":0}"#
            ]],
        );
    }

    #[test]
    fn an_enumeration_is_a_number() {
        let address = IPAddress { family: IPFamily::v6.into(), ..IPAddress::new() };
        let interface = Interface { IPAddresses: vec![address], ..Interface::new() };
        let request = UpdateInterfaceRequest { interface: Some(interface).into(), ..Default::default() };
        check(
            &request,
            &expect![[
                r#"{"interface":{"device":"","name":"","IPAddresses":[{"family":1,"address":"","mask":""}],"mtu":0,"hwAddr":"","devicePath":"","type_":"","raw_flags":0}}"#
            ]],
        );
    }

    #[test]
    fn bytes_are_numbers() {
        let request = WriteStreamRequest { data: vec![0, 255], ..Default::default() };
        check(&request, &expect![[r#"{"container_id":"","exec_id":"","data":[0,255]}"#]]);
    }

    #[test]
    fn optional_fields_are_null_until_they_are_set() {
        let config = MemAgentMemcgConfig { swap: Some(false), ..Default::default() };
        check(
            &config,
            &expect![[
                r#"{"disabled":null,"swap":false,"swappiness_max":null,"period_secs":null,"period_psi_percent_limit":null,"eviction_psi_percent_limit":null,"eviction_run_aging_count_min":null}"#
            ]],
        );
    }

    #[test]
    fn a_specification_keeps_the_names_of_the_protocol() {
        let process = oci::Process { Args: vec!["sh".to_owned()], ..Default::default() };
        let spec = oci::Spec { Process: Some(process).into(), ..Default::default() };
        let request = agent::CreateContainerRequest { OCI: Some(spec).into(), ..Default::default() };
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(json.pointer("/OCI/Process/Args/0").unwrap(), "sh");
    }

    #[test]
    fn a_choice_is_named() {
        let syscall = oci::LinuxSyscall {
            ErrnoRet: Some(oci::linux_syscall::ErrnoRet::Errnoret(1)),
            ..Default::default()
        };
        check(&syscall, &expect![[r#"{"Names":[],"Action":"","Args":[],"ErrnoRet":{"Errnoret":1}}"#]]);
    }
}
