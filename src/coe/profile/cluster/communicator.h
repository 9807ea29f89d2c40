// MPI ranks are processes that work on one command together. This is the only interface towards
// MPI: who am I, a non-blocking exchange of states, one gathering at the end. Builds without MPI
// know the communicator of a single process only.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace coe {

// A state is that of one rank, or the sum over all.
struct RankState {
  std::uint64_t n_done = 0;     // units of work, e.g. tokens
  std::uint64_t n_total = 0;    // the same; 0 while not known
  std::uint64_t n_failed = 0;   // ranks that will have no result
  std::uint64_t n_resumed = 0;  // units that an earlier run had done, not among n_total
};

// Only the thread that opened it may use it.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual std::uint32_t rank() const = 0;
  virtual std::uint32_t size() const = 0;
  // Returns the cores for this rank, at least 1: those it may run on, shared among the ranks of
  // this machine that may run on the same ones. 0 means all, as it is alone.
  virtual std::uint32_t n_core() const = 0;

  // Tells the others `own` and returns the sum over what all ranks said last, which may be a while
  // ago: states travel at the pace of the rank that calls least often. Never blocks.
  virtual RankState exchange(const RankState& own) = 0;

  // Every rank calls it, once. It waits, asleep, until all ranks are here. Then rank 0 is given the
  // bytes of each rank, in order of ranks; one rank's at a time are in memory.
  using Take = std::function<void(std::uint32_t rank, std::vector<std::byte> bytes)>;
  virtual void gather(const RankState& own, std::span<const std::byte> bytes, const Take& take) = 0;
  // Every rank calls it after gather() and gets rank 0's value.
  virtual std::int32_t broadcast(std::int32_t value) = 0;

  // Ends all ranks, for one that can no longer take part. A single process does nothing.
  virtual void abort(int exit_code) = 0;
};

std::unique_ptr<Communicator> single_process();

// Opens the ranks that an MPI launcher started this process among, else the single process.
// Destroying it ends MPI, so it lives as long as main(). Errors: kInvalidArgument where a launcher
// started several and this build has no MPI, so that they do not all do the same work; kUnsupported
// where the MPI found serves no process of several threads.
Result<std::unique_ptr<Communicator>> open_communicator();

// Returns the number of processes that Open MPI and the PMI of other launchers (Slurm, MPICH) leave
// in the environment, 0 where no launcher says so.
std::uint32_t n_launched();

}  // namespace coe
