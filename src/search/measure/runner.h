// The runner: keeps inputs and the reference, forks one child for each candidate. Links the thin runtime only.
#pragma once

namespace tilewright::search {

/// Serves commands from `socket` until the other end closes it. Returns the process's exit code.
int serve_runner(int socket);

}  // namespace tilewright::search
