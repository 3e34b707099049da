//! Arithmetic modulo the prime 2^48 - 59: six bytes a number, and each but zero can be divided by.

/// The modulus.
pub(crate) const P: u64 = (1 << 48) - 59;

const LOW: u64 = (1 << 48) - 1;

pub(crate) fn add(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= P { sum - P } else { sum }
}

pub(crate) fn sub(a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + P - b }
}

pub(crate) fn mul(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    // 2^48 is 59: what stands above is folded down, twice.
    let folded = (product as u64 & LOW) + (product >> 48) as u64 * 59;
    let folded = (folded & LOW) + (folded >> 48) * 59;
    if folded >= P { folded - P } else { folded }
}

/// The number that `a` is to be multiplied by to get one; zero for zero (Fermat's little theorem).
pub(crate) fn inverse(a: u64) -> u64 {
    // P - 2 = (2^42 - 1) * 2^6 + 3, in binary 42 ones and 000011.
    let runs = |ones: u64, power: u64, more: u32| mul((0..more).fold(ones, |square, _| mul(square, square)), power);
    let ones2 = runs(a, a, 1);
    let ones3 = runs(ones2, a, 1);
    let ones5 = runs(ones3, ones2, 2);
    let ones10 = runs(ones5, ones5, 5);
    let ones20 = runs(ones10, ones10, 10);
    let ones21 = runs(ones20, a, 1);
    let ones42 = runs(ones21, ones21, 21);
    runs(ones42, ones2, 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_up_to_the_largest_multiply_as_integers_do() {
        for a in [0, 1, 2, 58, 59, 1 << 24, 1 << 47, P - 60, P - 2, P - 1] {
            for b in [0, 1, 3, 59, 1 << 47, P - 59, P - 1] {
                let product = u128::from(a) * u128::from(b) % u128::from(P);
                assert_eq!(u128::from(mul(a, b)), product, "{a} x {b}");
                assert_eq!(add(sub(a, b), b), a, "{a} and {b}");
            }
        }
    }

    #[test]
    fn every_number_but_zero_has_an_inverse() {
        for a in [1, 2, 59, 1 << 32, 123_456_789_012, P - 1] {
            assert_eq!(mul(a, inverse(a)), 1, "{a}");
        }
        assert_eq!(inverse(0), 0);
    }
}
