// Dense matrices and the few operations on them that healing needs. BLAS and LAPACK do the work.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <span>
#include <vector>

namespace coe {

// Row-major: row r is values[r * n_column … ].
struct Matrix {
  std::size_t n_row = 0;
  std::size_t n_column = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns)
      : n_row(rows), n_column(columns), values(rows * columns) {}
  std::span<float> row(std::size_t r) { return std::span(values).subspan(r * n_column, n_column); }
  std::span<const float> row(std::size_t r) const {
    return std::span(values).subspan(r * n_column, n_column);
  }
};

// C = A · Bᵀ for A [m, k] and B [n, k]. C gets the shape [m, n]. So do those below; inner
// dimensions must agree.
void multiply_transposed(const Matrix& a, const Matrix& b, Matrix& c);
// C = A · B for A [m, k] and B [k, n].
void multiply(const Matrix& a, const Matrix& b, Matrix& c);
// C = Aᵀ · B for A [k, m] and B [k, n].
void transposed_multiply(const Matrix& a, const Matrix& b, Matrix& c);

// A symmetric matrix in double, as sums over many tokens need it. Shape: [n, n].
struct Symmetric {
  std::size_t n = 0;
  std::vector<double> values;

  explicit Symmetric(std::size_t size) : n(size), values(size * size) {}
  double trace() const;
};

// H = Q Λ Qᵀ: row i of `vectors` is the eigenvector of values[i], ascending.
struct Eigen {
  std::vector<double> values;
  Matrix vectors;
};
// Errors: kInternal where LAPACK does not converge, which numbers that are none make it do.
Result<Eigen> eigen_of(Symmetric h);

}  // namespace coe
