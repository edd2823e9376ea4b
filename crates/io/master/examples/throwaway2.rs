//! x
fn main() {
    use std::mem::size_of as s;
    println!(
        "Message {} Effect {} Event {} OperatorEvent {} Call {} Update {} TaskStatus {} Offers {} acc {} incoming {}",
        s::<tepui_wire_mesos::Message>(),
        s::<tepui_core_master::Effect>(),
        s::<tepui_wire_mesos::v1::scheduler::Event>(),
        s::<tepui_core_master::OperatorEvent>(),
        s::<tepui_wire_mesos::v1::scheduler::Call>(),
        s::<tepui_wire_mesos::v1::scheduler::event::Update>(),
        s::<tepui_wire_mesos::v1::TaskStatus>(),
        s::<tepui_wire_mesos::v1::Offer>(),
        s::<tepui_wire_mesos::v1::TaskInfo>(),
        s::<tepui_transport::IncomingMessage>()
    );
    println!(
        "exec Call {} Event {}",
        s::<tepui_wire_mesos::v1::executor::Call>(),
        s::<tepui_wire_mesos::v1::executor::Event>()
    );
}
