#include "coe/base/sha256.h"

#include "coe/base/descriptor.h"
#include "coe/base/file.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

}  // namespace

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* made) const { EVP_MD_CTX_free(made); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context.reset(EVP_MD_CTX_new());
  COE_CHECK(state_->context != nullptr);
  COE_CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> bytes) {
  COE_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  // The end of a hash spoils its context, so a copy of it is ended.
  const State copy{std::unique_ptr<EVP_MD_CTX, State::Free>(EVP_MD_CTX_new())};
  COE_CHECK(copy.context != nullptr);
  COE_CHECK(EVP_MD_CTX_copy_ex(copy.context.get(), state_->context.get()) == 1);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int n = 0;
  COE_CHECK(EVP_DigestFinal_ex(copy.context.get(), digest.data(), &n) == 1);
  std::string text;
  for (unsigned int i = 0; i < n; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path, std::string_view stage,
                                Observer& observer) {
  // O_NONBLOCK: a named pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return tl::unexpected(io_error(path, "open"));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return tl::unexpected(io_error(path, "stat"));
  if (!S_ISREG(info.st_mode))
    return fail(Code::kUnsupported, fmt::format("{}: not a regular file", path.string()),
                "give the path of a file");
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint
  const auto total = static_cast<std::uint64_t>(info.st_size);
  Sha256 hash;
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t done = 0;;) {
    observer.progress(stage, done, total, "bytes");
    if (observer.cancelled())
      return fail(Code::kCancelled, fmt::format("{}: stopped", path.string()));
    COE_TRY(const auto n, read_at(file.get(), done, piece, path));
    hash.add(std::span(piece).first(n));
    done += n;
    if (n < piece.size()) return hash.hex();
  }
}

}  // namespace coe
