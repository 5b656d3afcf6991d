#pragma once

/// Moves the calling thread, and the processes and threads that it starts from now on, into a network namespace of its
/// own. Returns 0, or the negative error number.
int enter_new_network_namespace(void);

/// The number of the calling thread, for `ip link set DEVICE netns NUMBER`.
int thread_number(void);
