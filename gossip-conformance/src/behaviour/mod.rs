//! What every adapter does, whatever its network: one function for each behaviour, for [`crate::behaviours`] to make tests of.

mod broadcasts;
mod ending;
mod hostile;
mod keys;
mod membership;
mod pressure;
mod scale;

pub(crate) use broadcasts::delivered_once;
pub use broadcasts::{
    a_payload_of_1_byte_is_delivered_once, a_payload_of_1_kib_is_delivered_once, a_payload_of_1_mb_is_delivered_once,
    a_payload_of_100_kib_is_delivered_once,
};
pub use ending::{
    a_place_that_is_taken_is_refused_and_named, a_shutdown_in_the_middle_of_traffic_ends_everything_that_waits,
};
pub use hostile::{connections_that_never_speak_nor_read_disturb_nobody, garbage_on_connections_disturbs_nobody};
pub use keys::keys_are_set_read_and_deleted_by_all;
pub(crate) use keys::set_read_and_deleted;
pub use membership::{
    a_crash_is_seen_as_down, a_crashed_member_comes_back_at_its_place_with_a_higher_generation,
    a_shutdown_is_seen_as_left_and_never_as_down, members_that_join_through_one_know_each_other,
};
pub use pressure::{
    a_slow_consumer_is_told_how_much_it_missed, who_publishes_too_fast_is_told_to_wait_and_nothing_is_lost,
    who_sends_to_a_full_inbox_waits_and_nothing_is_lost,
};
pub use scale::sixty_four_nodes_live_in_one_process;
