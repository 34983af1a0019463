//! What the classes and functions of scikit-learn and its relatives do, as far as leakage needs it.

use crate::model::QualifiedName;

/// What kind of estimator a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EstimatorKind {
    /// Learns figures from the rows that it is fitted on and puts them into every row that it transforms.
    Learner,
    /// Transforms each row by itself, whatever it was fitted on.
    Stateless,
    /// Predicts.
    Classifier,
    /// Predicts.
    Regressor,
    /// Finds groups, outliers or densities: its score is not one of predictions.
    Unsupervised,
    /// Steps one after the other, or side by side.
    Pipeline,
    /// Chooses parameters by cross-validation.
    Search,
    /// Makes more rows, or fewer.
    Resampler {
        /// It makes more.
        more: bool,
    },
    /// Something with `fit` that is not known.
    Unknown,
}

impl EstimatorKind {
    /// It makes predictions.
    pub const fn predicts(self) -> bool {
        matches!(
            self,
            Self::Classifier | Self::Regressor | Self::Search | Self::Pipeline | Self::Unknown
        )
    }
}

const LEARNERS: &[&str] = &[
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "PowerTransformer",
    "QuantileTransformer",
    "KBinsDiscretizer",
    "TargetEncoder",
    "SplineTransformer",
    "SimpleImputer",
    "Imputer",
    "KNNImputer",
    "IterativeImputer",
    "MeanMedianImputer",
    "PCA",
    "IncrementalPCA",
    "KernelPCA",
    "SparsePCA",
    "RandomizedPCA",
    "TruncatedSVD",
    "FastICA",
    "NMF",
    "FactorAnalysis",
    "LatentDirichletAllocation",
    "SelectKBest",
    "SelectPercentile",
    "SelectFromModel",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "GenericUnivariateSelect",
    "RFE",
    "RFECV",
    "SequentialFeatureSelector",
    "TfidfVectorizer",
    "TfidfTransformer",
    "LeaveOneOutEncoder",
    "CatBoostEncoder",
    "WOEEncoder",
    "MEstimateEncoder",
    "JamesSteinEncoder",
    "MeanEncoder",
    "WoEEncoder",
    "EqualFrequencyDiscretiser",
    "DecisionTreeDiscretiser",
];

const STATELESS: &[&str] = &[
    "Normalizer",
    "Binarizer",
    "PolynomialFeatures",
    "FunctionTransformer",
    "LabelEncoder",
    "LabelBinarizer",
    "MultiLabelBinarizer",
    "OneHotEncoder",
    "OrdinalEncoder",
    "HashingVectorizer",
    "FeatureHasher",
    "CountVectorizer",
    "DictVectorizer",
    "VarianceThreshold",
    "KernelCenterer",
    "MissingIndicator",
    "AdditiveChi2Sampler",
    "RBFSampler",
    "Nystroem",
    "GaussianRandomProjection",
    "SparseRandomProjection",
];

/// Functions of `sklearn.preprocessing` that fit and transform in one, and the class that does the same.
const LEARNING_FUNCTIONS: &[(&str, &str)] = &[
    ("scale", "StandardScaler"),
    ("minmax_scale", "MinMaxScaler"),
    ("maxabs_scale", "MaxAbsScaler"),
    ("robust_scale", "RobustScaler"),
    ("quantile_transform", "QuantileTransformer"),
    ("power_transform", "PowerTransformer"),
];

const PREDICTOR_MODULES: &[&str] = &[
    "linear_model",
    "ensemble",
    "tree",
    "svm",
    "neighbors",
    "naive_bayes",
    "neural_network",
    "gaussian_process",
    "discriminant_analysis",
    "cross_decomposition",
    "kernel_ridge",
    "dummy",
    "multiclass",
    "multioutput",
    "calibration",
    "semi_supervised",
    "isotonic",
    "experimental",
];

const UNSUPERVISED: &[&str] = &[
    "IsolationForest",
    "OneClassSVM",
    "LocalOutlierFactor",
    "NearestNeighbors",
    "KernelDensity",
    "RandomTreesEmbedding",
    "NeighborhoodComponentsAnalysis",
    "KNeighborsTransformer",
    "BernoulliRBM",
];

const SCIKIT_FAMILY: &[&str] = &[
    "sklearn",
    "imblearn",
    "feature_engine",
    "category_encoders",
    "cuml",
    "sklearn_pandas",
];

/// What transformers of these libraries give is a table again, with columns under their names.
pub(super) fn names_columns(name: &QualifiedName<'_>) -> bool {
    matches!(name.package(), "feature_engine" | "category_encoders")
}

/// What calling a class gives, if it is one of these libraries.
pub(super) fn estimator(name: &QualifiedName<'_>) -> Option<EstimatorKind> {
    let segments = name.segments();
    let class = *segments.last()?;
    if !class.starts_with(|first: char| first.is_ascii_uppercase()) {
        return match class {
            "make_pipeline" | "make_column_transformer" | "make_union" if is_scikit(name) => {
                Some(EstimatorKind::Pipeline)
            }
            _ => None,
        };
    }
    match name.package() {
        "xgboost" | "lightgbm" | "catboost" | "ngboost" => booster(class),
        _ if is_scikit(name) => Some(scikit_class(segments, class)),
        _ => None,
    }
}

fn is_scikit(name: &QualifiedName<'_>) -> bool {
    SCIKIT_FAMILY.contains(&name.package())
}

fn booster(class: &str) -> Option<EstimatorKind> {
    if class.contains("Classifier") {
        Some(EstimatorKind::Classifier)
    } else if class.contains("Regressor") {
        Some(EstimatorKind::Regressor)
    } else {
        (class == "CatBoost").then_some(EstimatorKind::Unknown)
    }
}

fn scikit_class(segments: &[&str], class: &str) -> EstimatorKind {
    if LEARNERS.contains(&class) {
        return EstimatorKind::Learner;
    }
    if STATELESS.contains(&class) {
        return EstimatorKind::Stateless;
    }
    if UNSUPERVISED.contains(&class) {
        return EstimatorKind::Unsupervised;
    }
    match class {
        "Pipeline"
        | "ColumnTransformer"
        | "DataFrameMapper"
        | "FeatureUnion"
        | "TransformedTargetRegressor" => {
            return EstimatorKind::Pipeline;
        }
        "GridSearchCV"
        | "RandomizedSearchCV"
        | "HalvingGridSearchCV"
        | "HalvingRandomSearchCV"
        | "BayesSearchCV" => {
            return EstimatorKind::Search;
        }
        _ => {}
    }
    let has = |module: &&str| segments.contains(module);
    if segments
        .iter()
        .any(|segment| matches!(*segment, "over_sampling" | "combine"))
    {
        return EstimatorKind::Resampler { more: true };
    }
    if segments.contains(&"under_sampling") {
        return EstimatorKind::Resampler { more: false };
    }
    if PREDICTOR_MODULES.iter().any(has) {
        return if is_classifier(class) {
            EstimatorKind::Classifier
        } else {
            EstimatorKind::Regressor
        };
    }
    match segments {
        ["sklearn", "cluster" | "mixture" | "manifold", ..] => EstimatorKind::Unsupervised,
        _ => EstimatorKind::Unknown,
    }
}

fn is_classifier(class: &str) -> bool {
    class.contains("Classif")
        || class.ends_with("SVC")
        || class.ends_with("NB")
        || matches!(
            class,
            "LogisticRegression"
                | "LogisticRegressionCV"
                | "Perceptron"
                | "LinearDiscriminantAnalysis"
                | "QuadraticDiscriminantAnalysis"
                | "NearestCentroid"
                | "LabelPropagation"
                | "LabelSpreading"
        )
}

/// The class that does what the function does, if it fits and transforms in one.
pub(super) fn learning_function(name: &QualifiedName<'_>) -> Option<&'static str> {
    let ["sklearn", "preprocessing", .., function] = name.segments() else {
        return None;
    };
    let known = LEARNING_FUNCTIONS.iter().find(|(known, _)| known == function);
    known.map(|(_, class)| *class)
}

/// The function judges predictions.
pub(super) fn is_metric(name: &QualifiedName<'_>) -> bool {
    matches!(name.segments(), ["sklearn" | "imblearn", "metrics", ..])
}

/// `KFold` and its relatives: whether it shuffles unless told otherwise.
pub(super) fn splitter(name: &QualifiedName<'_>) -> Option<bool> {
    let ["sklearn", "model_selection" | "cross_validation", .., class] = name.segments() else {
        return None;
    };
    match *class {
        "KFold"
        | "StratifiedKFold"
        | "GroupKFold"
        | "StratifiedGroupKFold"
        | "LeaveOneOut"
        | "LeaveOneGroupOut"
        | "LeavePOut"
        | "TimeSeriesSplit"
        | "PredefinedSplit" => Some(false),
        "ShuffleSplit"
        | "StratifiedShuffleSplit"
        | "GroupShuffleSplit"
        | "RepeatedKFold"
        | "RepeatedStratifiedKFold" => Some(true),
        _ => None,
    }
}

/// Cross-validation in one call.
pub(super) fn is_cross_validation(name: &QualifiedName<'_>) -> bool {
    matches!(
        name.segments(),
        [
            "sklearn",
            "model_selection" | "cross_validation",
            ..,
            "cross_val_score" | "cross_validate" | "cross_val_predict"
        ]
    )
}

/// Methods and functions that give each row of a table or array again, changed by itself.
pub(super) const ROWWISE_METHODS: &[&str] = &[
    "copy",
    "astype",
    "fillna",
    "ffill",
    "bfill",
    "replace",
    "rename",
    "assign",
    "apply",
    "applymap",
    "map",
    "reset_index",
    "set_index",
    "set_axis",
    "to_numpy",
    "as_matrix",
    "reshape",
    "ravel",
    "flatten",
    "squeeze",
    "toarray",
    "todense",
    "round",
    "clip",
    "interpolate",
    "where",
    "mask",
    "add_prefix",
    "add_suffix",
    "to_frame",
    "sort_values",
    "sort_index",
    "convert_dtypes",
    "infer_objects",
    "abs",
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "cumsum",
    "rank",
    "isin",
    "isnull",
    "isna",
    "notnull",
    "between",
    "tolist",
    "to_list",
    "lower",
    "upper",
    "strip",
    "numpy",
    "cpu",
    "float",
    "long",
    "double",
    "transform",
    "cat",
    "str",
    "dt",
    "codes",
    "eq",
    "gt",
    "lt",
    "ge",
    "le",
    "ne",
    "pipe",
    "view",
    "join",
];

/// Methods that give some of the rows.
pub(super) const SUBSET_METHODS: &[&str] = &[
    "dropna",
    "drop_duplicates",
    "head",
    "tail",
    "query",
    "sample",
    "nlargest",
    "nsmallest",
    "first",
    "last",
    "truncate",
    "filter",
];

/// What only tables have: who is asked for it is one.
pub(super) fn is_method_of_tables(method: &str) -> bool {
    matches!(
        method,
        "drop_duplicates"
            | "dropna"
            | "fillna"
            | "groupby"
            | "head"
            | "info"
            | "isna"
            | "isnull"
            | "nunique"
            | "reset_index"
            | "select_dtypes"
            | "set_index"
            | "sort_values"
            | "tail"
            | "value_counts"
    )
}

/// Methods that look at other rows in time.
pub(super) const LAG_METHODS: &[&str] = &["shift", "rolling", "ewm", "expanding", "pct_change"];

/// Functions of numpy and pandas that give each row again.
pub(super) const ROWWISE_FUNCTIONS: &[&str] = &[
    "numpy.array",
    "numpy.asarray",
    "numpy.log",
    "numpy.log1p",
    "numpy.log10",
    "numpy.log2",
    "numpy.exp",
    "numpy.expm1",
    "numpy.sqrt",
    "numpy.abs",
    "numpy.square",
    "numpy.ravel",
    "numpy.reshape",
    "numpy.squeeze",
    "numpy.expand_dims",
    "numpy.round",
    "numpy.rint",
    "numpy.where",
    "numpy.nan_to_num",
    "numpy.float32",
    "numpy.ascontiguousarray",
    "numpy.clip",
    "numpy.power",
    "numpy.sign",
    "pandas.get_dummies",
    "pandas.DataFrame",
    "pandas.Series",
    "pandas.to_numeric",
    "pandas.to_datetime",
    "pandas.cut",
    "pandas.qcut",
    "scipy.sparse.csr_matrix",
    "torch.tensor",
    "torch.from_numpy",
    "torch.FloatTensor",
    "torch.Tensor",
    "tensorflow.convert_to_tensor",
    "tensorflow.constant",
    "builtins.list",
    "sklearn.utils.shuffle",
    "sklearn.preprocessing.normalize",
    "sklearn.preprocessing.binarize",
    "statsmodels.api.add_constant",
    "keras.utils.to_categorical",
    "tensorflow.keras.utils.to_categorical",
    "numpy.argmax",
    "numpy.ravel",
];
