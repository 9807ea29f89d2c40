#include "coe/profile/cluster/communicator.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace coe {

namespace {

class SingleProcess : public Communicator {
 public:
  std::uint32_t rank() const override { return 0; }
  std::uint32_t size() const override { return 1; }
  std::uint32_t n_core() const override { return 0; }
  RankState exchange(const RankState& own) override { return own; }
  void gather(const RankState& /*own*/, std::span<const std::byte> bytes,
              const Take& take) override {
    take(0, {bytes.begin(), bytes.end()});
  }
  std::int32_t broadcast(std::int32_t value) override { return value; }
  void abort(int /*exit_code*/) override {}
};

}  // namespace

std::unique_ptr<Communicator> single_process() { return std::make_unique<SingleProcess>(); }

std::uint32_t n_launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* text = std::getenv(name);
    if (text == nullptr) continue;
    std::uint32_t n = 0;
    std::from_chars(text, text + std::strlen(text), n);
    return n;
  }
  // Slurm's PMIx says the rank here and the number of processes in its own words.
  const char* n_task = std::getenv("SLURM_NTASKS");
  if (std::getenv("PMIX_RANK") == nullptr || n_task == nullptr) return 0;
  std::uint32_t n = 0;
  std::from_chars(n_task, n_task + std::strlen(n_task), n);
  return n;
}

}  // namespace coe
