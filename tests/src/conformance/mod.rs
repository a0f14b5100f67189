//! Conformance: what every adapter must do in the same way. Each story is written once over any
//! [`Runtime`] and returns a [`Trace`], which must be the same on all runtimes, over plain TCP and
//! over TLS.
//!
//! The peer is a [`Script`], which does what no real gateway would, in some stories behind a
//! [`Relay`], a bad line. [`conformance!`](crate::conformance!) lists the stories.
//! `tests/conformance` runs each of them on tokio, on async-std and over blocking sockets, and
//! compares the traces; `ibws-async-std/tests/smol.rs` runs them on smol.
//!
//! The calls of the REST interface ([`calls`]) have a list of their own, because they need the
//! network of an adapter. Three harnesses are in no list: a close in every state
//! ([`close_in_every_state`], `tests/conformance`), a thousand clients opened and closed
//! ([`cycles`], `tests/leaks.rs`), and the memory that floods take (`tests/bounded.rs`), including
//! floods of a slow consumer ([`slow`]) and of a client of which nobody reads ([`memory`]).
//!
//! # Faults and their stories
//!
//! The numbers are those of [`chaos::faults`](crate::chaos::faults) and
//! [`chaos::SOCKETS_ONLY`](crate::chaos::SOCKETS_ONLY).
//!
//! Faults of connecting:
//!
//! * 1 refused: [`dial::a_dead_port_is_named_and_start_gives_up`]
//! * 2 accepted, then silence · 4 TLS stalls: [`dial::each_stage_of_a_dial_has_its_own_limit`]
//! * 3 reset after accept: [`dial::a_reset_during_the_dial_is_retried`]
//! * 5 an alert, or plain HTTP, on the TLS port: [`dial::the_wrong_protocol_on_the_port_is_named`]
//! * 6 certificate swapped: [`dial::a_swapped_certificate_ends_the_dial_before_the_request`],
//!   [`trust::a_certificate_swapped_between_attempts_is_refused_each_time`]
//! * 7 upgrade byte by byte: [`dial::a_slow_upgrade_succeeds_only_within_its_limit`]
//! * 8 huge headers: [`dial::a_response_head_above_the_limit_ends_the_dial`]
//! * 9 HTTP statuses: [`dial::each_http_code_has_its_error_kind`]
//! * 10 wrong accept key: [`dial::a_wrong_accept_key_ends_the_dial`]
//! * 11 frames glued to the 101: [`dial::frames_glued_to_the_upgrade_response_arrive_first`]
//! * 12 `waiting for session` for a while, for ever:
//!   [`dial::waiting_for_session_ends_with_the_session_or_not_at_all`]
//!
//! Faults of the WebSocket:
//!
//! * 13, 14 floods of pings and pongs while the peer does not read:
//!   [`floods::pings_without_reading`], [`floods::pongs`]
//! * 15 one-byte fragments: [`frames::a_message_in_one_byte_fragments_is_one_message`]
//! * 16 length claims · 17 oversize: [`frames::an_oversized_frame_ends_the_connection_with_a_gap`],
//!   [`floods::endless_message`]
//! * 18 bad control frames · 19 mask, RSV, opcode:
//!   [`frames::a_broken_frame_ends_the_connection_with_a_gap`]
//! * 20 bad UTF-8, whole, split, in a reason:
//!   [`frames::a_bad_byte_loses_neither_its_message_nor_the_next`]
//! * 21 binary JSON: [`frames::text_and_binary_frames_are_equivalent`]
//! * 22 empty frames, empty fragments: [`floods::empty_frames`], [`floods::empty_fragments`]
//!
//! Faults of closing:
//!
//! * 23 each code: [`closes::the_client_reconnects_after_every_close_code`]
//! * 24 Close without FIN · 29 data after Close:
//!   [`closes::a_close_ends_the_connection_even_if_the_socket_stays_open`]
//! * 25 FIN without Close · 26 reset in mid-frame · 27 TLS cut:
//!   [`closes::an_end_without_a_close_is_a_gap`], [`line::a_line_that_breaks_is_a_gap`]
//! * 28 no reply to the client's Close: [`closes::a_close_without_a_reply_times_out`]
//!
//! Faults of the line:
//!
//! * 30 half-open: [`line::a_dead_line_is_detected_and_replaced`]
//! * 31 freeze, then the burst: [`line::a_freeze_within_the_limit_is_no_gap`]
//! * 32 one-byte slices · 33 narrow · 34 jitter:
//!   [`line::a_bad_line_changes_times_and_not_contents`]
//! * 35 several clogged connections, released in another order:
//!   [`line::clogged_connections_do_not_block_each_other`]
//! * 36 the client's writes block: [`line::a_peer_that_does_not_read_is_disconnected_in_the_end`]
//!
//! Loopback cannot lose or reorder packets, leave a SYN without a reply, wait for retransmissions
//! of the kernel, or reply with ICMP. Slow faults run faster here than in chaos runs: bytes every
//! few milliseconds instead of every second, 20 KB a second instead of one, jitter to 20 ms instead
//! of two seconds. The limits that they reach are shortened accordingly.

pub mod calls;
pub mod client;
pub mod clock;
pub mod close_in_every_state;
pub mod closes;
pub mod cycles;
pub mod dial;
pub mod floods;
pub mod frames;
pub mod line;
pub mod memory;
pub mod proxy;
mod signal;
pub mod slow;
mod stage;
pub mod trust;
pub mod wire;

pub use signal::Signal;
pub use stage::{Player, Stage, Trace, play};

#[cfg(doc)]
use crate::{Relay, Script};
#[cfg(doc)]
use ibws_proto::transport::Runtime;

/// Passes the list of stories, by module, to a macro of the client: `stories! { module { story, … }
/// … }`.
#[macro_export]
macro_rules! conformance {
    ($stories:ident) => {
        $stories! {
            clock {
                a_sleep_ends_at_its_time,
            }
            dial {
                a_dead_port_is_named_and_start_gives_up,
                each_stage_of_a_dial_has_its_own_limit,
                a_reset_during_the_dial_is_retried,
                the_wrong_protocol_on_the_port_is_named,
                a_swapped_certificate_ends_the_dial_before_the_request,
                a_slow_upgrade_succeeds_only_within_its_limit,
                a_response_head_above_the_limit_ends_the_dial,
                each_http_code_has_its_error_kind,
                interim_responses_are_skipped_within_their_limits,
                a_refused_upgrade_shows_the_start_of_its_body,
                a_wrong_accept_key_ends_the_dial,
                frames_glued_to_the_upgrade_response_arrive_first,
                waiting_for_session_ends_with_the_session_or_not_at_all,
                the_cookie_and_the_user_agent_reach_the_gateway,
                tokens_and_headers_reach_their_own_gateway_only,
            }
            trust {
                authorities_vouch_for_valid_certificates_of_the_right_name,
                self_signed_certificates_are_their_own_authority_or_pinned,
                a_pin_accepts_one_certificate_with_its_key,
                the_stock_certificate_is_accepted_from_loopback_peers_or_by_declaration,
                weak_keys_signatures_and_versions_are_refused_with_their_reason,
                trust_that_cannot_be_used_is_reported_before_a_connection,
                a_certificate_swapped_between_attempts_is_refused_each_time,
                an_approved_certificate_is_saved_and_pinned,
            }
            proxy {
                tls_runs_through_the_tunnel_of_a_proxy,
                the_stock_certificate_is_refused_through_a_proxy_on_this_machine,
                a_proxy_that_refuses_is_named_with_what_to_do,
                a_plaintext_endpoint_is_never_dialled_through_a_proxy,
            }
            wire {
                messages_pass_both_ways_and_a_close_gets_its_reply,
                every_end_is_reported_once,
                blocked_writes_neither_stop_reads_nor_lose_messages,
                a_message_that_can_never_fit_ends_the_connection,
            }
            frames {
                a_message_in_one_byte_fragments_is_one_message,
                a_bad_byte_loses_neither_its_message_nor_the_next,
                a_bad_byte_in_a_close_reason_ends_the_connection_like_any_close,
                text_and_binary_frames_are_equivalent,
                an_oversized_frame_ends_the_connection_with_a_gap,
                a_broken_frame_ends_the_connection_with_a_gap,
            }
            floods {
                pings_without_reading,
                pongs,
                empty_frames,
                empty_fragments,
                endless_message,
            }
            closes {
                the_client_reconnects_after_every_close_code,
                a_close_ends_the_connection_even_if_the_socket_stays_open,
                an_end_without_a_close_is_a_gap,
                a_close_without_a_reply_times_out,
            }
            line {
                a_dead_line_is_detected_and_replaced,
                a_line_that_breaks_is_a_gap,
                a_freeze_within_the_limit_is_no_gap,
                a_bad_line_changes_times_and_not_contents,
                clogged_connections_do_not_block_each_other,
                a_peer_that_does_not_read_is_disconnected_in_the_end,
            }
            client {
                a_subscription_survives_the_loss_of_its_connection,
                dropping_the_last_handle_closes_the_connection,
                dropping_one_handle_of_a_key_keeps_the_subscription,
                requests_get_their_specific_replies,
                a_key_has_one_queue_that_its_accessors_share,
                reset_and_shutdown_from_inside_a_stream_do_not_deadlock,
                the_stream_of_a_removed_subscription_ends,
                a_future_dropped_after_any_number_of_polls_keeps_the_client_working,
                a_message_above_the_limit_ends_the_connection,
                an_untrusted_certificate_ends_start_at_once,
            }
        }
    };
}
