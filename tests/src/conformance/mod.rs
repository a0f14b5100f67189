//! What every adapter must do alike: each story is written once, over any [`Runtime`], and ends in a [`Trace`] that has
//! to be the same on all of them, over plain TCP and over TLS.
//!
//! The peer is a [`Script`], which does what no honest gateway would, where a story wants it behind a [`Relay`], a bad
//! line. [`conformance!`](crate::conformance) lists the stories; `tests/conform` plays each of them on tokio and on
//! async-std and compares, and `ibws-async-std/tests/smol.rs` plays them on smol. Beside the list: a close from every state
//! ([`anywhere`], `tests/conform`), a thousand clients opened and closed ([`cycles`], `tests/leftovers.rs`), and what the
//! floods cost in memory (`tests/bounded.rs`), those that meet a slow consumer ([`slow`]) included.
//!
//! # Which fault is where
//!
//! Numbers of the catalogue (`scenarios` B), each with its story:
//!
//! | faults of connecting | story |
//! |---|---|
//! | 1 refused | [`dial::a_dead_port_is_named_and_start_gives_up`] |
//! | 2 accepted, then silence · 4 TLS stalls | [`dial::each_stage_of_a_dial_has_its_own_limit`] |
//! | 3 reset after accept | [`dial::a_reset_instead_of_an_answer_is_told_and_tried_again`] |
//! | 5 an alert, or plain HTTP, on the TLS port | [`dial::the_wrong_protocol_on_the_port_is_named`] |
//! | 6 certificate swapped | [`dial::a_swapped_certificate_is_not_talked_to`] |
//! | 7 upgrade byte by byte | [`dial::an_upgrade_in_drops_runs_into_its_limit_or_succeeds`] |
//! | 8 huge headers | [`dial::a_huge_head_is_not_read_to_its_end`] |
//! | 9 HTTP statuses | [`dial::every_http_refusal_says_what_can_be_done`] |
//! | 10 wrong accept key | [`dial::a_wrong_accept_key_is_not_taken_for_the_gateway`] |
//! | 11 frames glued to the 101 | [`dial::frames_glued_to_the_answer_are_the_first_to_arrive`] |
//! | 12 `waiting for session` for a while, for ever | [`dial::waiting_for_session_ends_with_the_session_or_not_at_all`] |
//!
//! | faults of the WebSocket | story |
//! |---|---|
//! | 13, 14 floods of pings and pongs, unread | [`floods::pings_without_reading`], [`floods::pongs`] |
//! | 15 one-byte fragments | [`frames::a_message_in_one_byte_fragments_is_one_message`] |
//! | 16 length claims · 17 oversize | [`frames::what_is_too_long_is_a_told_loss`], [`floods::endless_message`] |
//! | 18 bad control frames · 19 mask, RSV, opcode | [`frames::a_broken_frame_is_a_told_loss`] |
//! | 20 bad UTF-8, whole, split, in a reason | [`frames::a_bad_byte_costs_neither_its_message_nor_the_next`] |
//! | 21 binary JSON | [`frames::text_and_binary_are_one`] |
//! | 22 empty frames, empty fragments | [`floods::empty_frames`], [`floods::empty_fragments`] |
//!
//! | faults of closing | story |
//! |---|---|
//! | 23 each code | [`closes::whatever_the_code_of_a_close_the_client_comes_back`] |
//! | 24 Close without FIN · 29 data after Close | [`closes::a_close_counts_though_the_connection_stays`] |
//! | 25 FIN without Close · 26 reset in mid-frame · 27 TLS cut | [`closes::an_end_without_a_close_is_a_gap`], [`line::a_line_that_breaks_is_a_gap`] |
//! | 28 our Close unanswered | [`closes::our_close_need_not_be_answered`] |
//!
//! | faults of the line | story |
//! |---|---|
//! | 30 half-open | [`line::a_dead_line_is_noticed_and_left`] |
//! | 31 freeze, then the burst | [`line::a_freeze_within_the_limit_costs_nothing`] |
//! | 32 one-byte slices · 33 narrow · 34 jitter | [`line::a_bad_line_changes_when_and_not_what`] |
//! | 35 many clogged, released in another order | [`line::clogged_connections_do_not_hold_one_another`] |
//! | 36 our writes block | [`line::a_peer_that_does_not_read_is_left_in_the_end`] |
//!
//! What loopback cannot do: lose or reorder packets, let a SYN go unanswered, wait for a kernel's retransmissions, answer
//! with ICMP. The slow ones run faster than in the catalogue: bytes every few milliseconds instead of every second, 20 KB
//! a second instead of one, jitter to 20 ms instead of two seconds; the limits they meet are shortened with them.

pub mod client;
pub mod clock;
pub mod close_in_every_state;
pub mod closes;
pub mod cycles;
pub mod dial;
pub mod floods;
pub mod frames;
pub mod line;
mod signal;
pub mod slow;
mod stage;
pub mod wire;

pub use signal::Signal;
pub use stage::{Player, Stage, Trace, play};

#[cfg(doc)]
use crate::{Relay, Script};
#[cfg(doc)]
use ibws_proto::transport::Runtime;

/// Hands the list of stories that hold on every runtime, by module, to a macro of the caller's: `stories! { module { story, … } … }`.
#[macro_export]
macro_rules! conformance {
    ($stories:ident) => {
        $stories! {
            clock {
                a_sleep_ends_when_the_clock_says_so,
            }
            dial {
                a_dead_port_is_named_and_start_gives_up,
                each_stage_of_a_dial_has_its_own_limit,
                a_reset_instead_of_an_answer_is_told_and_tried_again,
                the_wrong_protocol_on_the_port_is_named,
                a_swapped_certificate_is_not_talked_to,
                an_upgrade_in_drops_runs_into_its_limit_or_succeeds,
                a_huge_head_is_not_read_to_its_end,
                every_http_refusal_says_what_can_be_done,
                a_wrong_accept_key_is_not_taken_for_the_gateway,
                frames_glued_to_the_answer_are_the_first_to_arrive,
                waiting_for_session_ends_with_the_session_or_not_at_all,
                the_cookie_and_the_user_agent_reach_the_gateway,
            }
            wire {
                messages_go_to_and_fro_and_a_close_is_answered,
                every_end_is_told_once_and_never_hangs,
                while_our_writes_block_the_reading_goes_on_and_no_message_is_lost,
                a_message_that_can_never_fit_ends_the_connection,
            }
            frames {
                a_message_in_one_byte_fragments_is_one_message,
                a_bad_byte_costs_neither_its_message_nor_the_next,
                a_bad_byte_in_the_reason_of_a_close_is_an_end_like_any_other,
                text_and_binary_are_one,
                what_is_too_long_is_a_told_loss,
                a_broken_frame_is_a_told_loss,
            }
            floods {
                pings_without_reading,
                pongs,
                empty_frames,
                empty_fragments,
                endless_message,
            }
            closes {
                whatever_the_code_of_a_close_the_client_comes_back,
                a_close_counts_though_the_connection_stays,
                an_end_without_a_close_is_a_gap,
                our_close_need_not_be_answered,
            }
            line {
                a_dead_line_is_noticed_and_left,
                a_line_that_breaks_is_a_gap,
                a_freeze_within_the_limit_costs_nothing,
                a_bad_line_changes_when_and_not_what,
                clogged_connections_do_not_hold_one_another,
                a_peer_that_does_not_read_is_left_in_the_end,
            }
            client {
                a_subscription_survives_the_loss_of_its_connection,
                dropping_the_last_handle_closes_the_connection,
                dropping_one_handle_of_a_key_leaves_the_other_alive,
                requests_are_answered_with_what_can_be_done,
                a_key_has_one_queue_that_its_accessors_share,
                reset_and_shutdown_from_inside_a_stream_do_not_deadlock,
                a_subscription_ends_with_its_stream_when_it_is_gone,
                a_future_dropped_after_any_number_of_polls_leaves_the_client_whole,
                a_message_above_the_limit_is_a_told_loss,
                an_untrusted_certificate_ends_start_at_once,
            }
        }
    };
}
