// With COE_MPI=ON: MPI behind Communicator. This is the only file that includes mpi.h.
#include "coe/profile/cluster/communicator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <mpi.h>
#include <sched.h>
#include <thread>

namespace coe {

namespace {

constexpr int kSizeTag = 1;
constexpr int kBytesTag = 2;
constexpr std::size_t kMaxMessage = std::size_t{256} << 20;  // counts are int
constexpr auto kNap = std::chrono::milliseconds(10);

cpu_set_t allowed_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) CPU_SET(0, &cores);
  return cores;
}

// Launchers bind ranks to cores in many ways (Open MPI: to one core each where there are two
// ranks), so count what is really there.
std::uint32_t cores_of_this_rank() {
  MPI_Comm machine = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
  int n_rank = 0;
  MPI_Comm_size(machine, &n_rank);
  const cpu_set_t own = allowed_cores();
  std::vector<cpu_set_t> all(static_cast<std::size_t>(n_rank));
  MPI_Allgather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, machine);
  MPI_Comm_free(&machine);
  const auto n_sharing =
      std::ranges::count_if(all, [&](const auto& cores) { return CPU_EQUAL(&cores, &own) != 0; });
  return static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(1, CPU_COUNT(&own) / n_sharing));
}

class MpiCommunicator : public Communicator {
 public:
  // After MPI_Init_thread.
  MpiCommunicator() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    n_core_ = cores_of_this_rank();
  }
  ~MpiCommunicator() override { MPI_Finalize(); }
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  std::uint32_t rank() const override { return static_cast<std::uint32_t>(rank_); }
  std::uint32_t size() const override { return static_cast<std::uint32_t>(size_); }
  std::uint32_t n_core() const override { return n_core_; }

  RankState exchange(const RankState& own) override {
    if (size_ == 1) return own;  // and no round is under way when MPI ends
    step(own, false);
    return {sum_[0], sum_[1], sum_[2], sum_[3]};
  }

  void gather(const RankState& own, std::span<const std::byte> bytes, const Take& take) override {
    // MPI's own barriers burn a core while they wait, which the ranks still at work may need.
    while (!all_waiting_) {
      step(own, true);
      std::this_thread::sleep_for(kNap);
    }
    if (rank_ != 0) return send(bytes);
    take(0, {bytes.begin(), bytes.end()});
    for (int rank = 1; rank < size_; ++rank) take(static_cast<std::uint32_t>(rank), receive(rank));
  }

  std::int32_t broadcast(std::int32_t value) override {
    MPI_Bcast(&value, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
    return value;
  }

  void abort(int exit_code) override { MPI_Abort(MPI_COMM_WORLD, exit_code); }

 private:
  using Words = std::array<std::uint64_t, 5>;  // a RankState, and how many ranks wait in gather()

  // Rounds of a non-blocking sum. All ranks see the same results, so all stop after the same round:
  // the first in which every rank waits.
  void step(const RankState& own, bool is_waiting) {
    if (all_waiting_) return;
    if (request_ != MPI_REQUEST_NULL) {
      int is_done = 0;
      MPI_Test(&request_, &is_done, MPI_STATUS_IGNORE);
      if (is_done == 0) return;
      sum_ = received_;
      all_waiting_ = sum_[4] == static_cast<std::uint64_t>(size_);
      if (all_waiting_) return;
    }
    sent_ = {own.n_done, own.n_total, own.n_failed, own.n_resumed, is_waiting ? 1U : 0U};
    MPI_Iallreduce(sent_.data(), received_.data(), static_cast<int>(sent_.size()), MPI_UINT64_T,
                   MPI_SUM, MPI_COMM_WORLD, &request_);
  }

  static void send(std::span<const std::byte> bytes) {
    const std::uint64_t size = bytes.size();
    MPI_Send(&size, 1, MPI_UINT64_T, 0, kSizeTag, MPI_COMM_WORLD);
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kMaxMessage)))
      MPI_Send(bytes.data(), static_cast<int>(std::min(bytes.size(), kMaxMessage)), MPI_BYTE, 0,
               kBytesTag, MPI_COMM_WORLD);
  }

  static std::vector<std::byte> receive(int rank) {
    std::uint64_t size = 0;
    MPI_Recv(&size, 1, MPI_UINT64_T, rank, kSizeTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    std::vector<std::byte> bytes(size);
    for (std::size_t at = 0; at < bytes.size(); at += kMaxMessage)
      MPI_Recv(bytes.data() + at, static_cast<int>(std::min(bytes.size() - at, kMaxMessage)),
               MPI_BYTE, rank, kBytesTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return bytes;
  }

  int rank_ = 0;
  int size_ = 1;
  std::uint32_t n_core_ = 0;
  // The round under way; the buffers are MPI's until it is done.
  MPI_Request request_ = MPI_REQUEST_NULL;
  Words sent_{};
  Words received_{};
  Words sum_{};  // of the last round that is done
  bool all_waiting_ = false;
};

}  // namespace

Result<std::unique_ptr<Communicator>> open_communicator() {
  // Without a launcher there is nobody to meet, and starting MPI would cost a quarter of a second.
  if (n_launched() == 0) return single_process();
  // Other threads decode; only this one calls MPI.
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  if (provided < MPI_THREAD_FUNNELED) {
    MPI_Finalize();
    return fail(Code::kUnsupported, "this MPI serves no process of several threads");
  }
  return std::make_unique<MpiCommunicator>();
}

}  // namespace coe
