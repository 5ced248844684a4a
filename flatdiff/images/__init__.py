"""Real images, and what a feature network says of them.

datasets        one record a dataset, one table of them: files, loader, labels, download; splits
fingerprint     whether the files of a folder or zip are others than before
image_set       ImageSet, load_images: one split as a tensor
loaders         how each dataset's images are read
named           the name of a dataset, from what a person writes
listing         what lies in a folder, zip or npz: images, classes, and what is passed over
classes         of images, by their folders or names
array_file      images in one array of NumPy
image_files     a file's bytes to pixels
lsun            LSUN's databases, image by image, walked through in a process of its own first
cache           a collection decoded once
grid            images side by side
features        images to vectors: Inception's, or the digits network's
inception       FID's network, from clean-fid's file
digits_network  a small classifier of digits whose features make a proxy
statistics      mean and covariance of the features of real images
frechet         Frechet and kernel distance, precision and recall
"""
