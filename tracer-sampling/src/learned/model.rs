//! A logistic regression that learns online.
//!
//! The model estimates the probability that a request is interesting, which means that it fails or
//! is slow. The estimate is `1 / (1 + exp(-z))`, where `z` is the sum of each feature's value times
//! its weight, plus a base rate. After each outcome, every weight that took part is corrected
//! against the error of the estimate. The steps shrink with the square root of the sum of the
//! squared gradients of that weight (Duchi, Hazan and Singer, *Adaptive Subgradient Methods for
//! Online Learning and Stochastic Optimization*, 2011). A weight that is seldom used therefore
//! learns as fast as the others.
//!
//! The model learns from sampled requests only. This does not distort the estimate, because the
//! probability that a request is sampled depends on its features alone.
//!
//! Threads change weights without a lock. A lost update has as little effect as one outcome less
//! (Niu et al., *Hogwild!*, 2011).

use opentelemetry::KeyValue;

use crate::atomic_f64::AtomicF64;

/// The weights of the model.
#[derive(Debug)]
pub(super) struct Model {
    /// The weights of [`FIXED`], in that order.
    fixed: [Weight; FIXED.len()],
    /// The weights of attributes, indexed by the hash of key and value.
    attributes: Box<[Weight]>,
}

/// The weight of one feature.
#[derive(Debug, Default)]
pub(super) struct Weight {
    value: AtomicF64,
    /// The sum of the squares of its gradients, up to [`MOST_SQUARES`].
    squares: AtomicF64,
}

/// The features that every request has.
pub(super) const FIXED: [&str; 4] = [
    "bias",
    "expected_duration",
    "error_probability",
    "criticality",
];

/// The features of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features<'a> {
    /// The log-odds that any request of the service is interesting. This term has no weight.
    pub(super) base: f64,
    /// The values of the features in [`FIXED`].
    pub(super) fixed: [f64; FIXED.len()],
    /// The weight of the operation, which is a feature of value 1.
    pub(super) operation: &'a Weight,
    /// The attributes. Each attribute with a key in `keys` is a feature of value 1.
    pub(super) attributes: &'a [KeyValue],
    pub(super) keys: &'a [String],
}

impl Model {
    pub(super) fn new() -> Self {
        let model = Self {
            fixed: Default::default(),
            attributes: (0..ATTRIBUTE_WEIGHTS).map(|_| Weight::default()).collect(),
        };
        // At first, the rate of interesting outcomes of the operation is the best estimate.
        model.set_fixed("error_probability", 1.0);
        model
    }

    /// Returns the estimated probability that the request is interesting, from 0 to 1.
    pub(super) fn score(&self, features: &Features<'_>) -> f64 {
        let fixed = self.fixed.iter().zip(features.fixed);
        let fixed: f64 = fixed.map(|(weight, value)| weight.get() * value).sum();
        let attributes: f64 = self.weights(features).map(Weight::get).sum();
        let z = features.base + fixed + features.operation.get() + attributes;
        1.0 / (1.0 + (-z).exp())
    }

    /// Learns from the outcome of a request.
    pub(super) fn learn(&self, features: &Features<'_>, is_interesting: bool) {
        let error = f64::from(u8::from(is_interesting)) - self.score(features);
        for (weight, value) in self.fixed.iter().zip(features.fixed) {
            weight.step(error * value);
        }
        features.operation.step(error);
        for weight in self.weights(features) {
            weight.step(error);
        }
    }

    pub(super) fn fixed(&self) -> [f64; FIXED.len()] {
        std::array::from_fn(|at| self.fixed.get(at).map_or(0.0, Weight::get))
    }

    /// Sets a weight of [`FIXED`]. Returns `false` if there is no weight of this name.
    pub(super) fn set_fixed(&self, name: &str, value: f64) -> bool {
        let at = FIXED.iter().position(|fixed| *fixed == name);
        let weight = at.and_then(|at| self.fixed.get(at));
        if let Some(weight) = weight {
            weight.set(value);
        }
        weight.is_some()
    }

    /// Returns the weights of attributes that are not 0, each with its place.
    pub(super) fn attribute_weights(&self) -> impl Iterator<Item = (usize, f64)> {
        let weights = self.attributes.iter().map(Weight::get).enumerate();
        weights.filter(|(_, weight)| *weight != 0.0)
    }

    /// Sets the weight of the attributes at a place. Returns `false` if there is no such place.
    pub(super) fn set_attribute_weight(&self, place: usize, value: f64) -> bool {
        let weight = self.attributes.get(place);
        if let Some(weight) = weight {
            weight.set(value);
        }
        weight.is_some()
    }

    /// Returns the weights of the attributes that are features.
    fn weights<'a>(&'a self, features: &Features<'a>) -> impl Iterator<Item = &'a Weight> {
        let keys = features.keys;
        let is_feature =
            |attribute: &&KeyValue| keys.iter().any(|key| *key == attribute.key.as_str());
        let attributes = features.attributes.iter().filter(is_feature);
        attributes.filter_map(|attribute| self.attributes.get(place(attribute)))
    }
}

/// Returns the place of an attribute's weight, by the 64-bit FNV-1a hash of key and value. The
/// place is the same in every process, because weights are saved by place.
fn place(attribute: &KeyValue) -> usize {
    let value = attribute.value.as_str();
    let bytes = attribute
        .key
        .as_str()
        .bytes()
        .chain([0])
        .chain(value.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash as usize % ATTRIBUTE_WEIGHTS
}

impl Weight {
    pub(super) fn get(&self) -> f64 {
        self.value.get()
    }

    pub(super) fn set(&self, value: f64) {
        let finite = if value.is_nan() { 0.0 } else { value };
        self.value.set(finite.clamp(-MOST, MOST));
    }

    pub(super) fn reset(&self) {
        self.value.set(0.0);
        self.squares.set(0.0);
    }

    fn step(&self, gradient: f64) {
        let squares = (self.squares.get() + gradient * gradient).min(MOST_SQUARES);
        if squares.is_finite() {
            self.squares.set(squares);
            self.set(self.get() + LEARNING_RATE * gradient / (1.0 + squares).sqrt());
        }
    }
}

const LEARNING_RATE: f64 = 0.5;
/// The largest sum of squares. It keeps steps from shrinking below a tenth of their first size, so
/// that the model follows changes.
const MOST_SQUARES: f64 = 100.0;
/// The largest absolute weight: exp(-20) is small enough for every estimate.
const MOST: f64 = 20.0;
/// The number of weights of attributes. Attributes whose hashes collide share a weight.
const ATTRIBUTE_WEIGHTS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn features<'a>(
        operation: &'a Weight,
        attributes: &'a [KeyValue],
        keys: &'a [String],
    ) -> Features<'a> {
        Features {
            base: -2.0,
            fixed: [1.0, 0.0, 0.0, 0.0],
            operation,
            attributes,
            keys,
        }
    }

    /// The estimate of a logistic regression with a bias converges to the frequency.
    #[test]
    fn the_score_becomes_the_frequency() {
        let (model, operation) = (Model::new(), Weight::default());
        let features = features(&operation, &[], &[]);
        for at in 0..20_000 {
            model.learn(&features, at % 20 == 0);
        }
        let score = model.score(&features);
        assert!((0.03..=0.08).contains(&score), "{score}");
    }

    #[test]
    fn an_attribute_that_predicts_the_outcome_is_learned() {
        let (model, operation) = (Model::new(), Weight::default());
        let keys = ["tier".to_owned()];
        let (gold, silver) = (
            [KeyValue::new("tier", "gold")],
            [KeyValue::new("tier", "silver")],
        );
        for _ in 0..5_000 {
            model.learn(&features(&operation, &gold, &keys), true);
            model.learn(&features(&operation, &silver, &keys), false);
        }
        assert!(model.score(&features(&operation, &gold, &keys)) > 0.9);
        assert!(model.score(&features(&operation, &silver, &keys)) < 0.1);
        // An attribute whose key is not among the features has no effect.
        let blind = model.score(&features(&operation, &gold, &[]));
        assert!((0.1..=0.9).contains(&blind), "{blind}");
    }

    #[test]
    fn weights_stay_finite() {
        let (model, operation) = (Model::new(), Weight::default());
        let mut features = features(&operation, &[], &[]);
        features.fixed = [f64::INFINITY, f64::NAN, -1e300, 1e300];
        for at in 0..1_000 {
            model.learn(&features, at % 2 == 0);
        }
        assert!(model.fixed().iter().all(|weight| weight.is_finite()));
    }
}
